//! The boto3 calls of a Python script, found by reading it as text.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::{ApiUse, waited_for};
use crate::names::{pascal_case, snake_case};

/// The client methods that call no API.
const NOT_CALLS: [&str; 6] =
    ["can_paginate", "close", "exceptions", "generate_presigned_post", "generate_presigned_url", "meta"];

/// The calls `x.method(` of a script in which `x = boto3.client('service')` stands, wherever it stands, and
/// `boto3.client('service').method(`; of a session's clients too; paginators and waiters by the operation that they are
/// made for.
pub(super) fn calls_of(script: &str) -> Vec<ApiUse> {
    let mut clients: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut calls = BTreeMap::<(String, String), BTreeSet<String>>::new();
    let everywhere = members_of(script);
    let mut add = |service: &str, method: &str| {
        if let Some((operation, arguments)) = operation(service, method) {
            // What is built elsewhere and handed over with `**` may be anything that the script names.
            let members = if arguments.contains('*') { everywhere.clone() } else { members_of(arguments) };
            calls.entry((service.to_owned(), operation)).or_default().extend(members);
        }
    };
    for (before, arguments) in made(script) {
        let Some(service) = quoted(arguments) else { continue };
        let (_, after) = split_arguments(arguments);
        if let Some(method) = after.trim_start().strip_prefix('.') {
            add(service, method);
            continue;
        }
        if let Some(name) = assigned(before) {
            clients.entry(name).or_default().insert(service);
        }
    }
    for (name, services) in &clients {
        for (index, use_of) in script.match_indices(&format!("{name}.")) {
            let (before, after) = script.split_at(index);
            let before = before.strip_suffix("self.").unwrap_or(before);
            if before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.') {
                continue;
            }
            let method = after.get(use_of.len()..).unwrap_or_default();
            for service in services {
                add(service, method);
            }
        }
    }
    calls
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

/// What of a script's calls can't be read.
pub(super) fn unread(script: &str) -> impl Iterator<Item = &'static str> {
    let computed = made(script).any(|(_, arguments)| quoted(arguments).is_none());
    let resource = script.contains("boto3.resource(")
        || script.contains(".resource('")
        || script.contains(".resource(\"");
    let dynamic = script.contains("getattr(") && script.contains("boto3");
    [
        (computed, "makes a client of a service that only running it tells"),
        (resource, "uses boto3's resources, whose calls can't be read: add what they need"),
        (dynamic, "takes methods by name with getattr: add what they need"),
    ]
    .into_iter()
    .filter_map(|(is_so, why)| is_so.then_some(why))
}

/// Where clients are made: what stands before, and the arguments with all that follows.
fn made(script: &str) -> impl Iterator<Item = (&str, &str)> {
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

/// The name that what follows is assigned to.
fn assigned(before: &str) -> Option<&str> {
    let line = before.rsplit('\n').next().unwrap_or(before);
    let target = match line.split_once('=') {
        // `x = boto3.Session().client(`
        Some((target, rest)) if !rest.starts_with('=') => target,
        _ => before.trim_end().strip_suffix('=')?,
    };
    // `x: Client = …`
    let target = target.split_once(':').map_or(target, |(name, _)| name);
    Some(last_name(target.trim_end())).filter(|name| !name.is_empty())
}

/// The operation of a text that starts with `method(`, and its arguments.
fn operation<'s>(service: &str, text: &'s str) -> Option<(String, &'s str)> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))?;
    let (method, rest) = text.split_at(end);
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
fn split_arguments(arguments: &str) -> (&str, &str) {
    let mut depth = 1_usize;
    for (index, letter) in arguments.char_indices() {
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
fn quoted(arguments: &str) -> Option<&str> {
    let arguments = arguments.trim_start();
    let arguments = arguments
        .strip_prefix("service_name")
        .map_or(arguments, |rest| rest.trim_start().strip_prefix('=').map_or(rest, str::trim_start));
    ['\'', '"'].iter().find_map(|quote| Some(arguments.strip_prefix(*quote)?.split_once(*quote)?.0))
}

/// The name that a text ends with.
fn last_name(text: &str) -> &str {
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
    fn what_cant_be_read_is_said() {
        assert_eq!(unread("boto3.client(name)").count(), 1);
        assert_eq!(unread("boto3.resource('s3')").count(), 1);
        assert_eq!(unread("boto3.client('s3')").count(), 0);
    }

    proptest! {
        #[test]
        fn any_script_can_be_read(script in r#"(boto3.client\(|\.client\(|Session\(|é|s3|'|"|=|:|\]| |\.|\n|\(|\)|x_y|get_paginator\(){0,40}"#) {
            let _ = (calls_of(&script), unread(&script).count());
        }
    }
}
