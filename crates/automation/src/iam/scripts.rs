//! The boto3 calls of a Python script, found by reading it as text.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    calls::{ApiUse, waited_for},
    clients::{Clients, LONGEST, ends_in_word},
    resources,
    table::table,
};
use crate::names::{pascal_case, snake_case};

/// The client methods that call no API.
const NOT_CALLS: [&str; 6] =
    ["can_paginate", "close", "exceptions", "generate_presigned_post", "generate_presigned_url", "meta"];

/// The calls of a script: `x.method(` where `x` is a client, by whatever way it came by that name, and
/// `boto3.client('service').method(`; paginators and waiters by the operation that they are made for; of boto3's resources
/// each member that is named, whosever it is.
pub(super) fn calls_of(script: &str) -> Vec<ApiUse> {
    let clients = Clients::of(script);
    let mut calls = Calls { everywhere: members_of(script), found: BTreeMap::new() };
    for (_, arguments) in made(script) {
        let (_, after) = split_arguments(arguments);
        if let (Some(service), Some(method)) = (quoted(arguments), after.trim_start().strip_prefix('.')) {
            calls.add(&[service].into(), method);
        }
    }
    for (name, services) in &clients.named {
        for method in uses(script, name) {
            calls.add(services, method);
        }
    }
    for maker in clients.makers() {
        for (index, _) in script.match_indices(maker) {
            let (before, after) = script.split_at(index);
            let given = after.get(maker.len()..).and_then(|rest| rest.strip_prefix('('));
            let Some(given) = given.filter(|_| !ends_in_word(before)) else { continue };
            let (arguments, after) = split_arguments(given);
            if let Some(method) = after.trim_start().strip_prefix('.') {
                calls.add(&clients.made_by(maker, arguments), method);
            }
        }
    }
    calls.add_resources(script);
    calls
        .found
        .into_iter()
        .map(|((service, api), members)| ApiUse {
            service,
            api,
            step: String::new(),
            in_script: true,
            members,
        })
        .collect()
}

struct Calls {
    everywhere: BTreeSet<String>,
    found: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Calls {
    /// The call that begins a text, of one of some services: of those that have it, if any has.
    fn add(&mut self, services: &BTreeSet<&str>, method: &str) {
        let called: Vec<_> = services
            .iter()
            .copied()
            .filter_map(|service| Some((service, operation(service, method)?)))
            .collect();
        let listed = |service: &str, api: &str| table().needed(service, api).iter().any(|need| need.listed);
        let any_listed = called.iter().any(|(service, (api, _))| listed(service, api));
        for (service, (api, arguments)) in called {
            if any_listed && !listed(service, &api) {
                continue;
            }
            // What is built elsewhere and handed over with `**` may be anything that the script names.
            let members =
                if arguments.contains(ANYTHING) { self.everywhere.clone() } else { members_of(arguments) };
            self.found.entry((service.to_owned(), api)).or_default().extend(members);
        }
    }

    fn add_resources(&mut self, script: &str) {
        for service in resources(script) {
            for (member, operations) in resources::members(service) {
                if uses_member(script, member) {
                    for operation in operations {
                        let key = (service.to_owned(), (*operation).to_owned());
                        self.found.entry(key).or_default().extend(self.everywhere.clone());
                    }
                }
            }
        }
    }
}

/// What follows each `name.` in a script.
fn uses<'s>(script: &'s str, name: &'s str) -> impl Iterator<Item = &'s str> {
    script.match_indices(name).filter_map(move |(index, _)| {
        let (before, after) = script.split_at(index);
        let method = after.get(name.len()..)?.strip_prefix('.')?;
        let before = before.strip_suffix("self.").unwrap_or(before);
        (!ends_in_word(before) && !before.ends_with('.')).then_some(method)
    })
}

/// Whether `.member` stands in a script, as a whole word.
fn uses_member(script: &str, member: &str) -> bool {
    script.match_indices(member).any(|(index, _)| {
        let (before, after) = script.split_at(index);
        let after = after.get(member.len()..).unwrap_or_default();
        before.ends_with('.') && !after.starts_with(|c: char| c.is_alphanumeric() || c == '_')
    })
}

/// The services whose resources a script uses.
fn resources(script: &str) -> BTreeSet<&str> {
    script
        .match_indices(".resource(")
        .filter_map(|(index, call)| quoted(script.get(index + call.len()..)?))
        .collect()
}

/// What of a script's calls can't be read.
pub(super) fn unread(script: &str) -> impl Iterator<Item = String> {
    let clients = Clients::of(script);
    let has_maker = clients.makers().next().is_some();
    let computed = made(script).any(|(_, arguments)| quoted(arguments).is_none()) && !has_maker;
    let resources = resources(script);
    let unknown: Vec<&str> =
        resources.iter().copied().filter(|service| resources::members(service).next().is_none()).collect();
    let dynamic = ["getattr(", "importlib", "eval(", "exec(", "__import__("];
    let dynamic = script.contains("boto3") && dynamic.iter().any(|word| script.contains(word));
    let by_variable = [".get_paginator(", ".get_waiter("].iter().any(|call| {
        script
            .match_indices(call)
            .any(|(index, call)| quoted(script.get(index + call.len()..).unwrap_or_default()).is_none())
    });
    let computed_resource = script
        .match_indices(".resource(")
        .any(|(index, call)| quoted(script.get(index + call.len()..).unwrap_or_default()).is_none());
    let strangers = strangers(script, &clients);
    [
        (computed, "makes a client of a service that only running it tells".to_owned()),
        (computed_resource, "makes a resource of a service that only running it tells".to_owned()),
        (
            !resources.is_empty(),
            "uses boto3's resources: their calls were found by the names of their members, whosever they are"
                .to_owned(),
        ),
        (!unknown.is_empty(), format!("uses resources that boto3 doesn't have: {}", unknown.join(", "))),
        (by_variable, "names a paginator or waiter that only running it tells: add what it calls".to_owned()),
        (dynamic, "takes methods by name or runs text: add what they call".to_owned()),
        (
            !strangers.is_empty(),
            format!(
                "calls what look like APIs of clients whose service can't be read: {}",
                strangers.join(", ")
            ),
        ),
    ]
    .into_iter()
    .filter_map(|(is_so, why)| is_so.then_some(why))
}

/// Calls such as `x.describe_things(` of what isn't known to be a client and could be one.
fn strangers(script: &str, clients: &Clients<'_>) -> Vec<String> {
    const VERBS: [&str; 18] = [
        "add_",
        "attach_",
        "authorize_",
        "create_",
        "delete_",
        "describe_",
        "detach_",
        "disable_",
        "enable_",
        "get_",
        "list_",
        "modify_",
        "put_",
        "revoke_",
        "start_",
        "stop_",
        "tag_",
        "update_",
    ];
    // `dict.get_…` isn't Python's; these are.
    const PYTHONS: [&str; 8] = ["os", "logging", "json", "re", "time", "datetime", "asyncio", "threading"];
    if !script.contains("boto3") {
        return Vec::new();
    }
    let of_resources = resources(script);
    let is_member = |method: &str| {
        of_resources.iter().any(|service| resources::members(service).any(|(member, _)| member == method))
    };
    let mut found = BTreeSet::new();
    for verb in VERBS {
        for (index, _) in script.match_indices(verb) {
            let (before, after) = script.split_at(index);
            let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
            let (method, rest) = after.split_at(end);
            let Some(owner) = before.strip_suffix('.').map(last_name) else { continue };
            let is_known = clients.named.contains_key(owner) || PYTHONS.contains(&owner) || owner == "self";
            if rest.starts_with('(') && !owner.is_empty() && !is_known && !is_member(method) {
                found.insert(format!("{owner}.{method}"));
            }
        }
    }
    found.into_iter().collect()
}

/// Where clients are made: what stands before, and the arguments with all that follows.
pub(super) fn made(script: &str) -> impl Iterator<Item = (&str, &str)> {
    script.match_indices(".client(").filter_map(|(index, call)| {
        let (before, after) = script.split_at(index);
        let receiver = last_name(before);
        let before = before.strip_suffix(receiver)?;
        let is_boto3 = receiver == "boto3" || receiver.to_lowercase().contains("session");
        // `boto3.Session().client(`, `boto3.session.Session(…).client(`
        let of_call = receiver.is_empty() && before.ends_with(')');
        (is_boto3 || of_call).then(|| (before, after.get(call.len()..).unwrap_or_default()))
    })
}

/// What a method that is handed over, not called, may be given: anything.
const ANYTHING: &str = "*";

/// The operation of a text that starts with `method(`, and its arguments; or of one that starts with `method,` or
/// `method)`, which hands the method to a function that calls it.
fn operation<'s>(service: &str, text: &'s str) -> Option<(String, &'s str)> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
    let (method, rest) = text.split_at(end);
    if rest.starts_with([',', ')']) {
        let api = pascal_case(method);
        let is_known = table().needed(service, &api).iter().any(|need| need.listed);
        return is_known.then_some((api, ANYTHING));
    }
    let (arguments, after) = split_arguments(rest.strip_prefix('(')?);
    match method {
        "" => None,
        // The parameters are given to what these return.
        "get_waiter" => {
            waited_for(service, quoted(arguments)?).map(|operation| (operation, after_call(after)))
        }
        "get_paginator" => quoted(arguments).map(|method| (pascal_case(method), after_call(after))),
        method if NOT_CALLS.contains(&method) => None,
        method => Some((pascal_case(method), arguments)),
    }
}

/// The arguments of `.paginate(…)`.
fn after_call(text: &str) -> &str {
    text.trim_start()
        .strip_prefix(".paginate(")
        .or_else(|| text.trim_start().strip_prefix(".wait("))
        .map_or("", |rest| split_arguments(rest).0)
}

/// The arguments, and what follows the parenthesis that closes them.
pub(super) fn split_arguments(arguments: &str) -> (&str, &str) {
    let mut depth = 1_usize;
    for (index, letter) in arguments.char_indices() {
        if index > LONGEST {
            return (arguments.get(..index).unwrap_or_default(), "");
        }
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return (
                arguments.get(..index).unwrap_or_default(),
                arguments.get(index + 1..).unwrap_or_default(),
            );
        }
    }
    (arguments, "")
}

/// The text in the quotes that an argument list starts with, if it does.
pub(super) fn quoted(arguments: &str) -> Option<&str> {
    let arguments = arguments.trim_start();
    let arguments = arguments
        .strip_prefix("service_name")
        .map_or(arguments, |rest| rest.trim_start().strip_prefix('=').map_or(rest, str::trim_start));
    ['\'', '"'].iter().find_map(|quote| Some(arguments.strip_prefix(*quote)?.split_once(*quote)?.0))
}

/// The name that a text ends with.
pub(super) fn last_name(text: &str) -> &str {
    let start = text.rfind(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(0, |index| {
        index + text.get(index..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
    });
    text.get(start..).unwrap_or_default()
}

/// The names in `Name=`, `'Name':` and `['Name'] =`.
fn members_of(code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut rest = code;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic()) {
        let quote = start.checked_sub(1).and_then(|before| rest.get(before..start));
        let word = rest.get(start..).unwrap_or_default();
        let end = word.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(word.len());
        let (name, after) = word.split_at(end);
        let is_set = |after: &str| {
            let after = after.trim_start();
            after.starts_with('=') && !after.starts_with("==")
        };
        let given = if let Some(quote @ ("'" | "\"")) = quote {
            after.strip_prefix(quote).is_some_and(|after| {
                let after = after.trim_start();
                after.starts_with(':') || after.strip_prefix(']').is_some_and(is_set)
            })
        } else {
            is_set(after)
        };
        if given {
            names.insert(name.to_owned());
        }
        rest = after;
    }
    names
}

/// One spelling an operation: `DescribeDBInstances` of a step sorts before `DescribeDbInstances` of a script.
pub(super) fn once(calls: BTreeSet<(String, String)>) -> Vec<(String, String)> {
    let mut seen = BTreeSet::new();
    calls.into_iter().filter(|(service, api)| seen.insert((service.clone(), snake_case(api)))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn calls(script: &str) -> Vec<String> {
        calls_of(script).into_iter().map(|call| format!("{}:{}", call.service, call.api)).collect()
    }

    #[test]
    fn calls_of_a_client_are_found() {
        let script = "
import boto3
def handler(events, context):
    s3 = boto3.client('s3')
    ec2 = boto3.client(\"ec2\", region_name='us-east-1')
    try:
        s3.get_bucket_policy(Bucket=events['b'])
    except s3.exceptions.NoSuchBucket:
        return my_s3.delete_bucket()
    for page in ec2.get_paginator('describe_vpcs').paginate():
        ec2 . foo()
    x.s3.put_object()
    s3.meta.events.register('x')
";
        assert_eq!(calls(script), ["ec2:DescribeVpcs", "s3:GetBucketPolicy"]);
    }

    #[test]
    fn clients_of_sessions_and_of_objects_are_found() {
        let script = "
session = boto3.session.Session()
a = session.client('sns')
a.publish(TopicArn=t)
b = boto3.Session(region_name=r).client('sqs')
b.send_message(QueueUrl=q)
class C:
    def __init__(self):
        self.rds = boto3.client('rds')
    def go(self):
        self.rds.stop_db_instance(DBInstanceIdentifier=i)
other.client('x').do()
";
        assert_eq!(calls(script), ["rds:StopDbInstance", "sns:Publish", "sqs:SendMessage"]);
    }

    #[test]
    fn a_waiter_is_the_operation_that_it_polls() {
        let script = "e = boto3.client('ec2')\ne.get_waiter('instance_running').wait(InstanceIds=[i])\n";
        assert_eq!(calls(script), ["ec2:DescribeInstances"]);
    }

    #[test]
    fn clients_made_side_by_side_are_told_apart() {
        let script = "a, b = boto3.client('sns'), boto3.client('sqs')\na.list_topics()\nb.list_queues()\n";
        assert_eq!(calls(script), ["sns:ListTopics", "sqs:ListQueues"]);
    }

    #[test]
    fn a_method_that_is_handed_to_a_function_is_called_by_it() {
        let script =
            "c = boto3.client('ec2')\npages(c.describe_images, 'Images', Owners=['self'])\nf(c.meta)\n";
        assert_eq!(calls(script), ["ec2:DescribeImages"]);
    }

    #[test]
    fn a_call_of_a_client_without_a_name_is_found_and_names_no_client() {
        let script =
            "text = boto3.client('s3', config=f()).get_bucket_policy(Bucket=b)\ntext.encode('utf-8')\n";
        assert_eq!(calls(script), ["s3:GetBucketPolicy"]);
    }

    #[test]
    fn a_name_with_two_clients_counts_for_both() {
        let script = "c = boto3.client('a')\nc.get_x()\nc = boto3.client(service_name='b')\n";
        assert_eq!(calls(script), ["a:GetX", "b:GetX"]);
    }

    #[test]
    fn the_parameters_of_a_call_are_its_own_or_the_scripts() {
        let plain =
            calls_of("c = boto3.client('iam')\nx = {'Tags': 1}\nc.create_role(RoleName=n, Path='/')\n");
        assert_eq!(plain[0].members, ["Path", "RoleName"].map(str::to_owned).into());
        let spread = calls_of("c = boto3.client('iam')\nx['Tags'] = 1\nif a == 1:\n  c.create_role(**x)\n");
        assert!(spread[0].members.contains("Tags") && !spread[0].members.contains("a"));
    }

    #[test]
    fn clients_are_followed_through_functions_that_take_and_return_them() {
        let script = "
import boto3
def get_client(service, region=None):
    return boto3.client(service, region_name=region)
def rds():
    client = boto3.client('rds')
    return client
class Fixer:
    def __init__(self, kms):
        self.kms = kms
    def fix(self, key):
        self.kms.enable_key_rotation(KeyId=key)
def tidy(client, *, logs):
    client.delete_volume(VolumeId='v')
    logs.delete_log_group(logGroupName='g')
def handler(events, context):
    session = boto3.Session(region_name='eu-west-1')
    ec2 = session.client('ec2')
    also = ec2
    also.describe_vpcs()
    tidy(ec2, logs=get_client('logs'))
    get_client(service='sns').publish(TopicArn='t')
    db = rds()
    db.stop_db_instance(DBInstanceIdentifier='i')
    Fixer(boto3.client('kms')).fix('k')
    pages = ec2.get_paginator('describe_snapshots')
    for page in pages.paginate():
        pass
";
        assert_eq!(
            calls(script),
            [
                "ec2:DeleteVolume",
                "ec2:DescribeSnapshots",
                "ec2:DescribeVpcs",
                "kms:EnableKeyRotation",
                "logs:DeleteLogGroup",
                "rds:StopDbInstance",
                "sns:Publish",
            ]
        );
        assert_eq!(unread(script).collect::<Vec<_>>(), Vec::<String>::new());
    }

    #[test]
    fn a_name_of_two_clients_counts_for_the_one_that_has_the_call() {
        let script = "c = boto3.client('s3')\nc.list_buckets()\nc = boto3.client('kms')\nc.list_keys()\n";
        assert_eq!(calls(script), ["kms:ListKeys", "s3:ListBuckets"]);
    }

    #[test]
    fn resources_are_read_by_the_names_of_their_members() {
        let script = "
ec2 = boto3.resource('ec2')
def handler(e, c):
    instance = ec2.Instance(e['id'])
    instance.stop()
    for volume in ec2.volumes.filter(Filters=[]):
        volume.delete_tags()
    boto3.resource('dynamodb').Table('t').put_item(Item={})
";
        let found = calls(script);
        for call in ["dynamodb:PutItem", "ec2:DescribeInstances", "ec2:DescribeVolumes", "ec2:StopInstances"]
        {
            assert!(found.contains(&call.to_owned()), "{call}: {found:?}");
        }
        assert!(!found.contains(&"ec2:TerminateInstances".to_owned()), "{found:?}");
    }

    #[test]
    fn what_cant_be_read_is_said() {
        let said = |script: &str| unread(script).collect::<Vec<_>>().join("; ");
        assert!(said("boto3.client(name)").contains("a service that only running it tells"));
        assert!(said("boto3.resource(name)").contains("a resource of a service"));
        assert!(said("boto3.resource('s3')").contains("boto3's resources"));
        assert!(said("boto3.resource('s4')").contains("doesn't have: s4"));
        assert!(said("c = boto3.client('s3')\nc.get_paginator(name)").contains("names a paginator"));
        assert!(said("c = boto3.client('s3')\ngetattr(c, name)()").contains("takes methods by name"));
        assert!(said("import boto3\nclients['s3'].list_buckets()\nx.put_object()").contains("x.put_object"));
        assert_eq!(said("c = boto3.client('s3')\nc.list_buckets()"), "");
    }

    proptest! {
        #[test]
        fn any_script_can_be_read(script in r#"(boto3.client\(|\.client\(|Session\(|é|s3|'|"|=|:|\]| |\.|\n|\(|\)|x_y|get_paginator\(){0,40}"#) {
            let _ = (calls_of(&script), unread(&script).count());
        }
    }
}
