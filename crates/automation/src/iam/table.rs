//! AWS's IAM actions: which exist, on which resources they can be allowed, and what goes with them. The list is made by
//! `tools/iam_actions.py`, which names its sources.

use std::{collections::HashMap, sync::OnceLock};

use super::exceptions::RENAMED;

const LIST: &str = include_str!("actions.txt");

/// The list, read.
pub(super) struct Table {
    services: HashMap<&'static str, &'static str>,
    verbs: HashMap<(&'static str, String), (&'static str, &'static str)>,
    waiters: HashMap<(&'static str, &'static str), &'static str>,
    prefixes: HashMap<&'static str, Prefix>,
}

#[derive(Default)]
struct Prefix {
    types: HashMap<&'static str, &'static str>,
    actions: HashMap<String, (&'static str, &'static str)>,
    along: HashMap<&'static str, Vec<&'static str>>,
}

/// An IAM action that an API needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Needed {
    /// Such as `s3:GetObject`.
    pub(super) action: String,
    /// Whether the list has it.
    pub(super) listed: bool,
    /// The resource, where it isn't the action that tells.
    pub(super) path: Option<&'static str>,
}

/// The resources that an action can be allowed on.
pub(super) struct Scope {
    /// ARN patterns of resources that AWS always checks.
    pub(super) always: Vec<&'static str>,
    /// Those that it checks if the call names one.
    pub(super) sometimes: Vec<&'static str>,
}

pub(super) fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(Table::read)
}

impl Table {
    fn read() -> Self {
        let mut table = Self {
            services: HashMap::new(),
            verbs: HashMap::new(),
            waiters: HashMap::new(),
            prefixes: HashMap::new(),
        };
        let mut current = None::<&'static str>;
        for line in LIST.lines() {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                current = Some(name);
                continue;
            }
            let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
            let mut words = rest.split(' ');
            match (mark, words.next(), words.next()) {
                (">", Some(service), Some(prefix)) => {
                    table.services.insert(service, prefix);
                }
                ("@", Some(service), Some(operation)) => {
                    if let (Some(action), Some(path)) = (words.next(), words.next()) {
                        table.verbs.insert((service, operation.to_lowercase()), (action, path));
                    }
                }
                ("~", Some(service), Some(waiter)) => {
                    table.waiters.extend(words.next().map(|operation| ((service, waiter), operation)));
                }
                _ => {
                    if let Some(current) = current {
                        table.prefixes.entry(current).or_default().add(line);
                    }
                }
            }
        }
        table
    }

    /// The actions that an API needs; its service by boto3's name, its operation in any case.
    pub(super) fn needed(&self, service: &str, api: &str) -> Vec<Needed> {
        if let Some((_, _, actions)) =
            RENAMED.iter().find(|(of, name, _)| *of == service && name.eq_ignore_ascii_case(api))
        {
            let needed = |action: &&str| Needed { action: (*action).to_owned(), listed: true, path: None };
            return actions.iter().map(needed).collect();
        }
        let lower = api.to_lowercase();
        if let Some(((_, _), (action, path))) =
            self.verbs.get_key_value(&(service_key(self, service), lower.clone()))
        {
            return vec![Needed { action: (*action).to_owned(), listed: true, path: Some(path) }];
        }
        let prefix = self.services.get(service).copied().unwrap_or(service);
        let listed = self.prefixes.get(prefix).and_then(|prefix| prefix.actions.get(&lower));
        let name = listed.map_or(api, |(name, _)| name);
        vec![Needed { action: format!("{prefix}:{name}"), listed: listed.is_some(), path: None }]
    }

    /// Whether an action is listed.
    pub(super) fn has(&self, action: &str) -> bool {
        self.find(action).is_some()
    }

    fn find(&self, action: &str) -> Option<(&Prefix, &'static str, &'static str)> {
        let (prefix, name) = action.split_once(':')?;
        let prefix = self.prefixes.get(prefix)?;
        let (name, types) = prefix.actions.get(&name.to_lowercase())?;
        Some((prefix, name, types))
    }

    /// What an action can be allowed on; both lists are empty if AWS supports no resource level.
    pub(super) fn scope(&self, action: &str) -> Scope {
        let mut scope = Scope { always: vec![], sometimes: vec![] };
        let Some((prefix, _, types)) = self.find(action) else { return scope };
        for word in types.split(' ') {
            let (name, list) = match word.strip_suffix('!') {
                Some(name) => (name, &mut scope.always),
                None => (word, &mut scope.sometimes),
            };
            list.extend(prefix.types.get(name).copied());
        }
        for list in [&mut scope.always, &mut scope.sometimes] {
            list.sort_unstable();
            list.dedup();
        }
        scope
    }

    /// The actions that AWS may check along with one.
    pub(super) fn along(&self, action: &str) -> &[&'static str] {
        let found = self.find(action).and_then(|(prefix, name, _)| prefix.along.get(name));
        found.map(Vec::as_slice).unwrap_or_default()
    }

    /// The operation that a waiter polls, by boto3's names.
    pub(super) fn waited_for(&self, service: &str, waiter: &str) -> Option<&'static str> {
        self.waiters.get(&(service_key(self, service), find_waiter(self, service, waiter)?)).copied()
    }
}

/// The list's own text of a service, which lives as long as the list.
fn service_key(table: &Table, service: &str) -> &'static str {
    table.services.get_key_value(service).map_or("", |(key, _)| key)
}

fn find_waiter(table: &Table, service: &str, waiter: &str) -> Option<&'static str> {
    table.waiters.keys().find(|(of, name)| *of == service && *name == waiter).map(|(_, name)| *name)
}

impl Prefix {
    fn add(&mut self, line: &'static str) {
        if let Some(rest) = line.strip_prefix("= ") {
            self.types.extend(rest.split_once(' '));
        } else if let Some(rest) = line.strip_prefix("+ ") {
            let mut words = rest.split(' ');
            if let Some(action) = words.next() {
                self.along.insert(action, words.collect());
            }
        } else if let Some((types, names)) = line.split_once(": ") {
            self.actions.extend(names.split(' ').map(|name| (name.to_lowercase(), (name, types))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_that_an_exception_names_exists() {
        let table = table();
        for (service, api, actions) in RENAMED {
            for action in *actions {
                // Their prefixes belong to no boto3 service.
                let elsewhere = action.starts_with("s3express:") || action.starts_with("s3-object-lambda:");
                assert!(elsewhere || table.has(action), "{service}:{api} -> {action}");
            }
        }
    }

    #[test]
    fn prefixes_differ_from_boto3s_names() {
        for (service, api, action) in [
            ("elbv2", "DescribeLoadBalancers", "elasticloadbalancing:DescribeLoadBalancers"),
            ("stepfunctions", "StartExecution", "states:StartExecution"),
            ("opensearch", "DescribeDomain", "es:DescribeDomain"),
            ("efs", "DescribeFileSystems", "elasticfilesystem:DescribeFileSystems"),
            ("rds", "DescribeDbInstances", "rds:DescribeDBInstances"),
            ("docdb", "DescribeDBClusters", "rds:DescribeDBClusters"),
            ("apigateway", "UpdateStage", "apigateway:PATCH"),
            ("apigatewayv2", "GetApis", "apigateway:GET"),
            ("s3", "ListObjectsV2", "s3:ListBucket"),
            ("s3control", "PutPublicAccessBlock", "s3:PutAccountPublicAccessBlock"),
            ("sts", "AssumeRole", "sts:AssumeRole"),
            ("resourcegroupstaggingapi", "GetResources", "tag:GetResources"),
            ("sesv2", "SendEmail", "ses:SendEmail"),
        ] {
            let needed = table().needed(service, api);
            assert!(
                needed.iter().any(|needed| needed.action == action && needed.listed),
                "{service}:{api}: {needed:?}"
            );
        }
    }

    #[test]
    fn resources_are_known_per_action() {
        let scope = table().scope("kms:EnableKeyRotation");
        assert_eq!(scope.always, ["arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*"]);
        let none = table().scope("ec2:DescribeVpcs");
        assert!(none.always.is_empty() && none.sometimes.is_empty());
    }

    #[test]
    fn waiters_poll_an_operation() {
        assert_eq!(table().waited_for("ec2", "instance_running"), Some("DescribeInstances"));
        assert_eq!(table().waited_for("ec2", "nothing"), None);
    }
}
