//! From the calls of documents to the least that their role must be allowed, each action with its reasons.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    calls::{ApiUse, calls, unread},
    table::{Needed, Table, table},
};
use crate::document::Document;

/// What the role of some documents must be allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// By action.
    pub needs: Vec<Need>,
    /// What AWS may check besides, in cases that reading doesn't tell.
    pub may_need: Vec<Possible>,
    /// What reading couldn't tell.
    pub notes: Vec<String>,
}

/// An action that must be allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Need {
    /// The IAM action.
    pub action: String,
    /// What to allow it on, with `CloudFormation`'s `${AWS::…}` for partition, Region and account.
    pub resources: Vec<String>,
    /// The calls that need it.
    pub because: Vec<String>,
    /// Why it isn't narrower, where it isn't.
    pub scope: Option<String>,
}

/// An action that may have to be allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Possible {
    /// The IAM action.
    pub action: String,
    /// The actions that AWS lists it with.
    pub with: BTreeSet<String>,
}

impl Policy {
    /// The policy of the role that runs these documents.
    pub fn of<'d>(documents: impl IntoIterator<Item = &'d Document>) -> Self {
        let mut gathered = Gathered::default();
        for document in documents {
            for call in calls(document) {
                gathered.call(&call);
            }
            gathered.notes.extend(unread(document));
        }
        gathered.policy()
    }

    /// The policy document: one statement for all actions on the same resources.
    pub fn document(&self) -> Value {
        let mut statements = BTreeMap::<&[String], Vec<&str>>::new();
        for need in &self.needs {
            statements.entry(&need.resources).or_default().push(&need.action);
        }
        let mut statements: Vec<_> = statements.into_iter().collect();
        statements.sort_by(|a, b| a.1.cmp(&b.1));
        let statements: Vec<Value> = statements
            .into_iter()
            .map(|(resources, actions)| json!({"Effect": "Allow", "Action": actions, "Resource": resources}))
            .collect();
        json!({"Version": "2012-10-17", "Statement": statements})
    }
}

#[derive(Default)]
struct Gathered {
    needs: BTreeMap<String, Gathering>,
    may_need: BTreeMap<String, BTreeSet<String>>,
    notes: BTreeSet<String>,
}

#[derive(Default)]
struct Gathering {
    resources: BTreeSet<String>,
    because: BTreeSet<String>,
    reasons: BTreeSet<String>,
}

impl Gathered {
    fn call(&mut self, call: &ApiUse) {
        let table = table();
        let because = format!("step `{}` calls {}:{}", call.step, call.service, call.api);
        for needed in table.needed(&call.service, &call.api) {
            if !needed.listed {
                self.notes.insert(format!(
                    "{because}, and AWS's list has no action `{}`: check what the API needs",
                    needed.action
                ));
            }
            self.along(table, call, &needed.action, &because);
            self.allow(table, &needed, because.clone());
        }
        self.passed(call, &because);
    }

    fn allow(&mut self, table: &Table, needed: &Needed, because: String) {
        let entry = self.needs.entry(needed.action.clone()).or_default();
        entry.because.insert(because);
        if let Some(path) = needed.path {
            entry.resources.insert(format!("arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}::{path}"));
            return;
        }
        let scope = table.scope(&needed.action);
        if scope.always.is_empty() && scope.sometimes.is_empty() {
            entry.resources.insert("*".to_owned());
            entry.reasons.insert("AWS supports no resource level for it".to_owned());
            return;
        }
        if !scope.sometimes.is_empty() {
            entry.reasons.insert(format!(
                "AWS checks these only if the call names one; leave out what the runbook never names: {}",
                scope.sometimes.join(", ")
            ));
        }
        entry.resources.extend(scope.always.into_iter().chain(scope.sometimes).map(str::to_owned));
    }

    /// What AWS checks along with an action, as far as the parameters tell.
    fn along(&mut self, table: &Table, call: &ApiUse, action: &str, because: &str) {
        let mut tagged = false;
        for along in table.along(action) {
            let name = along.split_once(':').map_or("", |(_, name)| name);
            if name.contains("Tag") && call.gives(is_tags) {
                tagged = true;
                self.allow_along(along, format!("{because} with tags"));
            } else if along.starts_with("kms:") && call.gives(|member| member.to_lowercase().contains("kms"))
            {
                self.allow_along(along, format!("{because} with a KMS key"));
            } else if *along != "iam:PassRole" && !name.contains("Tag") {
                self.may_need.entry((*along).to_owned()).or_default().insert(action.to_owned());
            }
        }
        if !tagged
            && call.gives(is_tags)
            && let Some(along) = tagging(table, action)
        {
            self.allow_along(&along, format!("{because} with tags"));
        }
    }

    /// A role that a call hands to a service.
    fn passed(&mut self, call: &ApiUse, because: &str) {
        let member = call.members.iter().find(|member| is_role(member));
        let of_iam = call.service == "iam" && call.api != "AddRoleToInstanceProfile";
        let reads = ["Describe", "Get", "List", "AssumeRole"].iter().any(|start| call.api.starts_with(start));
        if let Some(member) = member.filter(|_| !of_iam && !reads && call.service != "sts") {
            self.allow_along("iam:PassRole", format!("{because} with `{member}`"));
            self.notes.insert(
                "iam:PassRole: narrow it to the roles that are passed, with the condition iam:PassedToService".to_owned(),
            );
        }
    }

    fn allow_along(&mut self, action: &str, because: String) {
        let needed = Needed { action: action.to_owned(), listed: true, path: None };
        self.allow(table(), &needed, because);
    }

    fn policy(mut self) -> Policy {
        self.may_need.retain(|action, _| !self.needs.contains_key(action));
        Policy {
            needs: self
                .needs
                .into_iter()
                .map(|(action, gathering)| Need {
                    action,
                    resources: gathering.resources.into_iter().collect(),
                    because: gathering.because.into_iter().collect(),
                    scope: Some(gathering.reasons.into_iter().collect::<Vec<_>>().join("; "))
                        .filter(|reasons| !reasons.is_empty()),
                })
                .collect(),
            may_need: self.may_need.into_iter().map(|(action, with)| Possible { action, with }).collect(),
            notes: self.notes.into_iter().collect(),
        }
    }
}

fn is_tags(member: &str) -> bool {
    matches!(member, "Tags" | "tags" | "TagSpecifications" | "TagList" | "TagsList")
}

/// Parameters by which a call hands a role to a service.
fn is_role(member: &str) -> bool {
    let lower = member.to_lowercase();
    lower.ends_with("rolearn")
        || lower.ends_with("role")
        || lower == "iaminstanceprofile"
        || lower.starts_with("iaminstanceprofile")
        || lower == "deliverlogspermissionarn"
        || lower == "domainiamrolename"
}

/// The action that AWS checks for tags given on creation, where its list doesn't say.
fn tagging(table: &Table, action: &str) -> Option<String> {
    let (prefix, name) = action.split_once(':')?;
    // https://docs.aws.amazon.com/acm/latest/userguide/authen-apipermissions.html
    if matches!(action, "acm:RequestCertificate" | "acm:ImportCertificate") {
        return Some("acm:AddTagsToCertificate".to_owned());
    }
    let made = name
        .strip_prefix("Create")
        .or_else(|| name.strip_prefix("Put"))
        .or_else(|| name.strip_prefix("Register"));
    let allocated = ["Allocate", "Authorize", "Copy", "Run", "Request", "Import"]
        .iter()
        .any(|start| name.starts_with(start));
    if made.is_none() && !allocated {
        return None;
    }
    let candidates = [
        format!("{prefix}:TagResource"),
        format!("{prefix}:Tag{}", made.unwrap_or(name)),
        format!("{prefix}:AddTagsToResource"),
        format!("{prefix}:CreateTags"),
    ];
    candidates.into_iter().find(|candidate| table.has(candidate))
}
