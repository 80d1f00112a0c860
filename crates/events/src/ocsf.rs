//! Security Hub V2 findings, in the Open Cybersecurity Schema Framework (OCSF).

use plumb_model::{Signal, Source, Standing};
use serde_json::Value;

use crate::{
    envelope::{Envelope, named_resource},
    json::{self, Look, Wrong, quote},
    resource, time,
};

/// `class_uid` of compliance findings.
const COMPLIANCE_FINDING: u64 = 2003;

/// One finding: a signal for each resource that it names.
pub(crate) fn finding(finding: &Value, event: &Envelope) -> Result<Vec<Signal>, Wrong> {
    let resources = finding.list("/resources");
    if resources.is_empty() {
        return Err("`resources` is missing or empty".to_owned());
    }
    let (source, standing) = (source(finding), standing(finding));
    let seen = ["/finding_info/modified_time_dt", "/finding_info/modified_time", "/time_dt", "/time"]
        .into_iter()
        .find_map(|pointer| time::parse(finding.at(pointer)));
    resources
        .iter()
        .map(|named| {
            let name = named.text("/uid").or(named.text("/uid_alt")).or(named.text("/name"));
            let name = json::required("resources[].uid", name)?;
            let kind = named.text("/type").map(resource::config_resource_type);
            let kind = kind.or_else(|| resource::guess_type(name).map(str::to_owned));
            let kind = json::required("resources[].type", kind.as_deref())?.to_owned();
            let account = named.text("/owner/account/uid").or(finding.text("/cloud/account/uid"));
            let account = json::account("cloud.account.uid", account.or(event.account.as_deref()))?;
            let region = named.text("/region").or(finding.text("/cloud/region")).or(event.region.as_deref());
            let region = json::region("resources[].region", region)?;
            let about = named_resource(&kind, name, account, region, named.at("/data"))?;
            let mut signal = event.signal(source.clone(), about, standing.clone());
            signal.observed_at = seen.or(event.time);
            signal.event_id = event.id.clone().or_else(|| finding.text("/metadata/uid").map(json::name));
            Ok(signal)
        })
        .collect()
}

fn source(finding: &Value) -> Source {
    let control = finding.text("/compliance/control");
    if let Some(control) = control.filter(|_| is_compliance(finding)) {
        return Source::SecurityHub { control: json::name(control), rule: None, finding: None };
    }
    let name = finding.list("/finding_info/types").iter().rev().find_map(Value::as_str);
    let name = name.or(finding.text("/finding_info/title")).or(finding.text("/class_name"));
    Source::Notice { service: "aws.securityhub".to_owned(), name: json::name(name.unwrap_or("finding")) }
}

fn is_compliance(finding: &Value) -> bool {
    finding.at("/class_uid").as_u64() == Some(COMPLIANCE_FINDING) || finding.at("/compliance").is_object()
}

/// Words or their numeric twins, whichever is there.
fn standing(finding: &Value) -> Standing {
    let is = |path: &str, word: &str, number: u64| {
        finding.text(path).is_some_and(|text| text.eq_ignore_ascii_case(word))
            || finding.at(&format!("{path}_id")).as_u64() == Some(number)
    };
    if is("/status", "Archived", 5) {
        return Standing::Closed { why: "archived".to_owned() };
    }
    if is("/compliance/status", "Pass", 1) {
        return Standing::Compliant;
    }
    if is("/status", "Suppressed", 3) {
        return Standing::Closed { why: "suppressed".to_owned() };
    }
    if is("/status", "Resolved", 4)
        || is("/activity_name", "Close", 3)
        || finding.at("/activity_id").as_u64() == Some(3)
    {
        return Standing::Closed { why: "resolved".to_owned() };
    }
    if !is_compliance(finding) || is("/compliance/status", "Fail", 3) {
        return Standing::Violating;
    }
    let status = finding.text("/compliance/status").unwrap_or("unknown");
    Standing::Undecided { why: format!("its compliance status is {}", quote(status)) }
}
