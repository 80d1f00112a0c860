//! Whether a policy lets somebody of another account in: trust of a role, policy of an event bus.
//!
//! Only what is understood lets anybody in: an operator or a key that is not known here is a condition that does not hold.

use serde_json::Value;

/// Who asks for what.
#[derive(Debug)]
pub(crate) struct Asking<'a> {
    /// The action.
    pub(crate) action: &'a str,
    /// The caller's ARN.
    pub(crate) principal: &'a str,
    /// The caller's account.
    pub(crate) account: &'a str,
    /// The organization that account is in.
    pub(crate) organization: Option<String>,
    /// What was said of `ExternalId`.
    pub(crate) external_id: Option<&'a str>,
}

/// Whether a statement of the policy allows it, and none denies it.
pub(crate) fn allows(policy: &Value, asking: &Asking<'_>) -> bool {
    let about: Vec<&Value> =
        each(policy.get("Statement")).into_iter().filter(|statement| is_about(statement, asking)).collect();
    let effect = |wanted: &str| {
        about.iter().any(|statement| statement.get("Effect").and_then(Value::as_str) == Some(wanted))
    };
    effect("Allow") && !effect("Deny")
}

fn is_about(statement: &Value, asking: &Asking<'_>) -> bool {
    let action = each(statement.get("Action")).into_iter().filter_map(Value::as_str);
    let principals = match statement.get("Principal") {
        Some(Value::String(everybody)) => vec![everybody.as_str()],
        Some(principal) => each(principal.get("AWS")).into_iter().filter_map(Value::as_str).collect(),
        None => Vec::new(),
    };
    let root = format!("arn:aws:iam::{}:root", asking.account);
    let is_principal =
        |name: &&str| *name == "*" || *name == asking.account || *name == root || *name == asking.principal;
    action.into_iter().any(|action| like(action, asking.action))
        && principals.iter().any(is_principal)
        && holds(statement.get("Condition"), asking)
}

fn holds(condition: Option<&Value>, asking: &Asking<'_>) -> bool {
    let operators = condition.and_then(Value::as_object).into_iter().flatten();
    operators.into_iter().all(|(operator, keys)| {
        let same: fn(&str, &str) -> bool = match operator.as_str() {
            "StringEquals" | "ArnEquals" => |wanted, found| wanted == found,
            "StringLike" | "ArnLike" => like,
            _ => return false,
        };
        keys.as_object().into_iter().flatten().all(|(key, wanted)| {
            let found = match key.to_ascii_lowercase().as_str() {
                "sts:externalid" => asking.external_id,
                "aws:principalarn" => Some(asking.principal),
                "aws:principalaccount" | "aws:sourceaccount" => Some(asking.account),
                "aws:principalorgid" => asking.organization.as_deref(),
                _ => None,
            };
            let wanted = each(Some(wanted));
            found
                .is_some_and(|found| wanted.iter().filter_map(|one| one.as_str()).any(|one| same(one, found)))
        })
    })
}

/// One, or each of several.
fn each(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(one) => vec![one],
        None => Vec::new(),
    }
}

/// `*` is any text.
fn like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = pattern.rsplit_once('*').map(|(_, last)| last) else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    text.len() >= first.len() + last.len() && text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asking<'a>(
        principal: &'a str,
        external_id: Option<&'a str>,
        organization: Option<&str>,
    ) -> Asking<'a> {
        Asking {
            action: "sts:AssumeRole",
            principal,
            account: "111111111111",
            organization: organization.map(str::to_owned),
            external_id,
        }
    }

    #[test]
    fn trust_in_an_account_is_narrowed_by_its_conditions() {
        let role = "arn:aws:iam::111111111111:role/plumb.us-east-1.remediate";
        let policy = json!({"Statement": [{
            "Effect": "Allow", "Principal": {"AWS": "111111111111"}, "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": "word"}, "ArnEquals": {"aws:PrincipalArn": [role]}},
        }]});
        assert!(allows(&policy, &asking(role, Some("word"), None)));
        assert!(!allows(&policy, &asking(role, Some("other"), None)));
        assert!(!allows(&policy, &asking(role, None, None)));
        assert!(!allows(&policy, &asking("arn:aws:iam::111111111111:root", Some("word"), None)));
    }

    #[test]
    fn everybody_of_an_organization_is_nobody_else() {
        let policy = json!({"Statement": {
            "Effect": "Allow", "Principal": "*", "Action": "sts:*",
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
        }});
        let root = "arn:aws:iam::111111111111:root";
        assert!(allows(&policy, &asking(root, None, Some("o-1"))));
        assert!(!allows(&policy, &asking(root, None, Some("o-2"))));
        assert!(!allows(&policy, &asking(root, None, None)));
        assert!(!allows(&json!({}), &asking(root, None, Some("o-1"))));
    }

    #[test]
    fn what_is_not_understood_does_not_hold() {
        let with = |condition: Value| json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole", "Condition": condition}});
        let root = "arn:aws:iam::111111111111:root";
        for condition in [json!({"Null": {"a": "b"}}), json!({"StringEquals": {"aws:unknown": "b"}})] {
            assert!(!allows(&with(condition), &asking(root, None, None)));
        }
    }

    #[test]
    fn a_star_is_any_text() {
        assert!(like("arn:*:role/*.member", "arn:aws:role/plumb.member"));
        assert!(like("*", "") && like("a*", "a") && like("a", "a"));
        assert!(!like("a*a", "a") && !like("a", "ab") && !like("*b", "ba"));
    }
}
