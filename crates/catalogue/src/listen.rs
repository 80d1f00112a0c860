//! Which controls listen to a signal.

use plumb_events::config_resource_id;
use plumb_model::{
    AccountId, Control, ControlId, Finding, Region, ResourceRef, Signal, Source, Standing, Subject,
};

use crate::rule_name;

/// What the controls make of a signal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A finding for each control that listens; never empty.
    Findings(Vec<Finding>),
    /// No control listens, and why.
    Nobody(String),
}

/// Turns a signal into findings of the controls that listen to it.
pub fn listen(controls: &[Control], signal: &Signal) -> Heard {
    let listeners = listeners(controls, signal);
    if listeners.is_empty() {
        return Heard::Nobody(format!("no control listens to {}", said(signal)));
    }
    let mut nameless: Option<String> = None;
    let findings: Vec<_> = listeners
        .into_iter()
        .filter_map(|(control, pointer)| {
            let resource = match resource(control, pointer, &signal.subject) {
                Ok(resource) => resource,
                Err(why) => {
                    nameless.get_or_insert(why);
                    return None;
                }
            };
            Some(Finding {
                control: ControlId::parse(control.id).ok()?,
                resource,
                source: signal.source.clone(),
                standing: signal.standing.clone(),
                observed_at: signal.observed_at,
                event_id: signal.event_id.clone(),
                sender: signal.sender.clone(),
            })
        })
        .collect();
    match nameless {
        // A call that was refused often has no parameters in its record; that is not why it doesn't matter.
        Some(why) if findings.is_empty() => Heard::Nobody(match &signal.standing {
            Standing::CallFailed { code } => {
                format!("{} failed with `{code}`, so nothing changed", said(signal))
            }
            _ => why,
        }),
        _ => Heard::Findings(findings),
    }
}

/// The controls, and for an API call where the resource's name is.
fn listeners<'a>(controls: &'a [Control], signal: &Signal) -> Vec<(&'a Control, Option<&'a str>)> {
    let every = |listens: &dyn Fn(&Control) -> bool| -> Vec<_> {
        controls.iter().filter(|control| listens(control)).map(|control| (control, None)).collect()
    };
    match &signal.source {
        Source::ConfigRule { rule } => by_rule(controls, rule),
        Source::SecurityHub { control: id, rule, .. } => {
            let by_id = every(&|control| control.security_hub.contains(&id.as_str()));
            match rule {
                // A number of CIS or PCI means something else in each version: the rule behind it is what counts.
                Some(rule) if by_id.is_empty() && !is_security_hub_id(id) => by_rule(controls, rule),
                _ => by_id,
            }
        }
        Source::ApiCall { service, name } => controls
            .iter()
            .flat_map(|control| control.api_calls.iter().map(move |call| (control, call)))
            .filter(|(_, call)| call.service == service && call.name == name)
            .map(|(control, call)| (control, Some(call.resource)))
            .collect(),
        // That a resource is gone matters to every control that may be at work on it.
        Source::Notice { .. } if signal.standing == Standing::Deleted => match &signal.subject {
            Subject::Resource(gone) => every(&|control| control.resource_type == gone.kind),
            Subject::Call { .. } => Vec::new(),
        },
        Source::Notice { .. } => Vec::new(),
    }
}

/// The controls behind a Config rule. Among Plumb's own rules one control's id may end another's: the longest counts.
fn by_rule<'a>(controls: &'a [Control], rule: &str) -> Vec<(&'a Control, Option<&'a str>)> {
    let own = controls
        .iter()
        .filter(|control| rule_name::is_own(rule, control.id))
        .max_by_key(|control| control.id.len());
    if let Some(control) = own {
        return vec![(control, None)];
    }
    let deployed = |control: &&Control| {
        control.config_rules.iter().any(|known| rule_name::is_deployed(rule, known.name))
    };
    controls.iter().filter(deployed).map(|control| (control, None)).collect()
}

/// `S3.8`, and not `cis-aws-foundations-benchmark/v/1.4.0/3.7`, `2.7` or `PCI.S3.2`.
fn is_security_hub_id(id: &str) -> bool {
    id.split_once('.').is_some_and(|(service, number)| {
        service.starts_with(|first: char| first.is_ascii_alphabetic())
            && service.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// The resource that a control sees in the signal.
fn resource(control: &Control, pointer: Option<&str>, subject: &Subject) -> Result<ResourceRef, String> {
    let (account, region, record) = match subject {
        Subject::Resource(resource) => return Ok(resource.clone()),
        Subject::Call { account, region, record } => (account, region, record),
    };
    let pointer = pointer.unwrap_or_default();
    let kind = control.resource_type.to_owned();
    if pointer.is_empty() {
        return Ok(ResourceRef {
            account: account.clone(),
            region: region.clone(),
            kind,
            id: account.to_string(),
        });
    }
    let name = record.pointer(pointer).and_then(|value| value.as_str()).map(str::trim).unwrap_or_default();
    let id = config_resource_id(&kind, name);
    if id.is_empty() {
        return Err(format!("`{}` listens to the call, but it names no resource at `{pointer}`", control.id));
    }
    // A call may name its resource by an ARN, of another account or Region than the caller's.
    let mut owner = name.strip_prefix("arn:").map(|rest| rest.split(':').skip(2)).into_iter().flatten();
    let region = owner.next().and_then(|text| Region::parse(text).ok()).unwrap_or_else(|| region.clone());
    let account =
        owner.next().and_then(|text| AccountId::parse(text).ok()).unwrap_or_else(|| account.clone());
    Ok(ResourceRef { account, region, kind, id })
}

fn said(signal: &Signal) -> String {
    match &signal.source {
        Source::ConfigRule { rule } => format!("Config rule `{rule}`"),
        Source::SecurityHub { control, rule: Some(rule), .. } => {
            format!("Security Hub control `{control}` (Config rule `{rule}`)")
        }
        Source::SecurityHub { control, rule: None, .. } => format!("Security Hub control `{control}`"),
        Source::ApiCall { service, name } => format!("the API call `{service}:{name}`"),
        Source::Notice { service, name } => format!("`{name}` of `{service}`"),
    }
}
