//! `plumb plan`: what would be done now about everything that AWS Config holds to be non-compliant.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

use plumb_aws::Config;
use plumb_model::{AccountId, Decision, Deployment, ResourceRef};
use plumb_ports::NonCompliant as _;

use super::{
    Where,
    connect::{Connection, failed},
    read_only::ReadOnly,
};
use crate::{
    failure::Failure,
    output::{json_pretty, word},
};

/// How many findings of a group are shown.
const SHOWN: usize = 3;

/// What to plan for; everything if nothing is named.
pub(crate) struct Only<'a> {
    pub(crate) control: Option<&'a str>,
    pub(crate) account: Option<&'a str>,
}

pub(crate) async fn run(
    out: &mut dyn Write,
    at: &Where,
    only: Only<'_>,
    everything: bool,
    json: bool,
) -> Result<(), Failure> {
    if let Some(id) = only.control
        && plumb_catalogue::control(id).is_none()
    {
        return Err(Failure::Usage(format!("there is no control `{id}`; `plumb controls list` shows them")));
    }
    let account = only.account.map(AccountId::parse).transpose();
    let account = account.map_err(|error| Failure::Usage(format!("--account: {error}")))?;
    let connection = Connection::open(at).await?;
    let home = &connection.deployment;
    let config = Config(&connection.aws);
    let remediate = ReadOnly::new(&connection)?;
    let (mut decisions, mut seen) = (Vec::new(), BTreeSet::new());
    let mut undecided: Option<(usize, ResourceRef, Failure)> = None;
    for known in
        plumb_catalogue::controls().iter().filter(|known| only.control.is_none_or(|id| id == known.id))
    {
        for rule in plumb_sweep::rules(known, home) {
            let mut next = None;
            loop {
                let (resources, token) =
                    config.non_compliant(&rule, next).await.map_err(|error| failed(&error))?;
                let wanted =
                    |resource: &ResourceRef| account.as_ref().is_none_or(|id| *id == resource.account);
                for resource in resources.into_iter().filter(wanted) {
                    let event = plumb_sweep::event(&rule, &resource, jiff::Timestamp::now());
                    // A member may not let the operator look (an older template, no permission); the others are decided all the same.
                    let decided = match remediate.decide(&event.to_string()).await {
                        Ok(decided) => decided,
                        Err(why) if home.is_home(&resource.place()) => return Err(why),
                        Err(why) => {
                            undecided = match undecided {
                                None => Some((1, resource, why)),
                                Some((others, first, why)) => Some((others.saturating_add(1), first, why)),
                            };
                            continue;
                        }
                    };
                    decisions.extend(decided.into_iter().filter(|decision| {
                        seen.insert((decision.control.clone(), decision.resource.clone()))
                    }));
                }
                next = token;
                if next.is_none() {
                    break;
                }
            }
        }
    }
    if json {
        json_pretty(out, &decisions)?;
    } else {
        write(out, home, &decisions, everything)?;
    }
    match undecided {
        None => Ok(()),
        Some((number, first, why)) => Err(Failure::Failed(format!(
            "{number} in members could not be decided, the first of them {first}: {why}; you need `sts:AssumeRole` on the member's \
             role `…look`, see docs/accounts.md"
        ))),
    }
}

fn write(
    out: &mut dyn Write,
    home: &Deployment,
    decisions: &[Decision],
    everything: bool,
) -> Result<(), Failure> {
    let mut groups: BTreeMap<(String, String), Vec<&Decision>> = BTreeMap::new();
    for decision in decisions {
        groups.entry((word(decision.outcome), decision.control.to_string())).or_default().push(decision);
    }
    if groups.is_empty() {
        writeln!(out, "AWS Config holds nothing to be non-compliant that Plumb has a control for")?;
    }
    for ((outcome, control), group) in &groups {
        writeln!(out, "{outcome}: {control} ({})", group.len())?;
        let shown = if everything { group.len() } else { SHOWN };
        for decision in group.iter().take(shown) {
            let ResourceRef { account, region, id, .. } = &decision.resource;
            let place = if home.is_home(&decision.resource.place()) {
                String::new()
            } else {
                format!(" in account {account}, {region}")
            };
            writeln!(out, "    {id}{place}\n        {}", decision.reason)?;
        }
        if group.len() > shown {
            writeln!(out, "    … and {} more (--all)", group.len() - shown)?;
        }
    }
    let mut totals: BTreeMap<String, usize> = BTreeMap::new();
    for decision in decisions {
        *totals.entry(word(decision.outcome)).or_default() += 1;
    }
    if !totals.is_empty() {
        let totals: Vec<_> = totals.iter().map(|(outcome, number)| format!("{number} {outcome}")).collect();
        writeln!(out, "\n{}; nothing was written or started", totals.join(", "))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use plumb_model::{Members, Region};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_group_shows_three_and_counts_the_rest() {
        let home = Deployment {
            partition: "aws".to_owned(),
            account: AccountId::parse("123456789012").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
            prefix: "plumb".to_owned(),
            role_path: "/".to_owned(),
            members: Members::Organization,
        };
        let decision = |region: &str, resource: &str| -> Decision {
            serde_json::from_value(json!({
                "control": "bucket-tls-only", "outcome": "notify", "reason": "dry-run", "verdicts": [],
                "resource": { "account": "123456789012", "region": region, "type": "AWS::S3::Bucket", "id": resource },
            }))
            .unwrap()
        };
        let mut decisions: Vec<_> =
            (0..5).map(|number| decision("us-east-1", &format!("b{number}"))).collect();
        decisions.insert(0, decision("eu-west-1", "far"));
        let mut out = Vec::new();
        write(&mut out, &home, &decisions, false).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("notify: bucket-tls-only (6)") && text.contains("… and 3 more"), "{text}");
        assert!(
            text.contains("    far in account 123456789012, eu-west-1\n") && text.contains("    b0\n"),
            "{text}"
        );
        assert!(text.ends_with("6 notify; nothing was written or started\n"), "{text}");
    }
}
