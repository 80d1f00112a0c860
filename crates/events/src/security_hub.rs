//! Security Hub findings in the AWS Security Finding Format (ASFF).

use plumb_model::{FindingRef, Signal, Source, Standing};
use serde_json::Value;

use crate::{
    envelope::{Envelope, named_resource},
    json::{self, Look, Wrong, quote},
    resource, time,
};

/// One finding: a signal for each resource that it names.
pub(crate) fn finding(finding: &Value, event: &Envelope) -> Result<Vec<Signal>, Wrong> {
    let account = json::account("AwsAccountId", finding.text("/AwsAccountId"))?;
    let resources = finding.list("/Resources");
    if resources.is_empty() {
        return Err("`Resources` is missing or empty".to_owned());
    }
    let (source, standing) = (source(finding), standing(finding));
    let seen = ["/UpdatedAt", "/LastObservedAt", "/ProcessedAt", "/CreatedAt"]
        .into_iter()
        .find_map(|pointer| time::parse(finding.at(pointer)));
    resources
        .iter()
        .map(|named| {
            let id = json::required("Resources[].Id", named.text("/Id"))?;
            let kind =
                resource::config_resource_type(json::required("Resources[].Type", named.text("/Type"))?);
            let own_region =
                resource::Arn::parse(id).map(|arn| arn.region).filter(|region| !region.is_empty());
            let region = own_region
                .or(named.text("/Region"))
                .or(finding.text("/Region"))
                .or_else(|| product_region(finding))
                .or(event.region.as_deref());
            let region = json::region("Resources[].Region", region)?;
            let about = named_resource(&kind, id, account.clone(), region, named.at("/Details"))?;
            let mut signal = event.signal(source.clone(), about, standing.clone());
            // A person who sends an old finding by a custom action means it now.
            if !event.detail_type.ends_with("Custom Action") {
                signal.observed_at = seen.or(event.time);
            }
            signal.event_id = event.id.clone().or_else(|| finding.text("/Id").map(json::name));
            Ok(signal)
        })
        .collect()
}

/// How Security Hub names the finding. Names that are longer than its own limits are nobody's.
fn reference(finding: &Value) -> Option<FindingRef> {
    let named = |pointer: &str| finding.text(pointer).filter(|text| text.len() <= 2048).map(str::to_owned);
    Some(FindingRef { id: named("/Id")?, product_arn: named("/ProductArn")? })
}

/// Who writes Plumb's notes on findings.
pub const NOTES_BY: &str = "Plumb";

/// Whether the event only says that Plumb wrote its note: Security Hub publishes each update of a finding as if it were
/// imported anew. An update by `BatchUpdateFindings` leaves the finding's own `UpdatedAt`, so that a note which is
/// younger than the finding is the news.
pub(crate) fn is_own_note(finding: &Value) -> bool {
    let at = |pointer: &str| time::parse(finding.at(pointer));
    finding.text("/Note/UpdatedBy") == Some(NOTES_BY)
        && matches!((at("/Note/UpdatedAt"), at("/UpdatedAt")), (Some(note), Some(seen)) if note >= seen)
}

/// The Region of `arn:aws:securityhub:us-east-1::product/…`: where the finding was made.
fn product_region(finding: &Value) -> Option<&str> {
    let arn = resource::Arn::parse(finding.text("/ProductArn")?)?;
    Some(arn.region).filter(|region| !region.is_empty())
}

/// Whose finding it is. Only Security Hub's own controls have an id; everything else is a notice.
fn source(finding: &Value) -> Source {
    let generator = finding.text("/GeneratorId").unwrap_or_default();
    let rule = ["0", "1", "2"].into_iter().find_map(|index| {
        let of = |field: &str| {
            finding
                .at("/ProductFields")
                .get(format!("RelatedAWSResources:{index}/{field}"))
                .and_then(Value::as_str)
        };
        (of("type")? == "AWS::Config::ConfigRule").then(|| of("name")).flatten()
    });
    let control = control_id(finding, generator).or(rule.is_some().then_some(generator));
    control.map_or_else(
        || Source::Notice {
            service: "aws.securityhub".to_owned(),
            name: json::name(finding.text("/Types/0").unwrap_or(generator)),
        },
        |control| Source::SecurityHub {
            control: json::name(control),
            rule: rule.map(json::name),
            finding: reference(finding),
        },
    )
}

/// The control's id: `S3.8`. The numbers of CIS and PCI mean something else in each version, so they keep the standard
/// before them (`cis-aws-foundations-benchmark/v/1.4.0/3.7`), by which they can't be taken for a control's id.
fn control_id<'a>(finding: &'a Value, generator: &'a str) -> Option<&'a str> {
    /// Standards that use Security Hub's own ids.
    const OWN_IDS: &[&str] = &[
        "security-control/",
        "aws-foundational-security-best-practices/v/",
        "nist-800-53/v/",
        "nist-800-171/v/",
        "service-managed-aws-control-tower/v/",
    ];
    const OTHERS: &[&str] = &["cis-aws-foundations-benchmark/v/", "pci-dss/v/"];
    if let Some(id) = finding.text("/Compliance/SecurityControlId") {
        return Some(id);
    }
    let generator = generator.split_once(":::ruleset/").map_or(generator, |(_, path)| path);
    let begins = |with: &[&str]| with.iter().any(|prefix| generator.starts_with(prefix));
    if begins(OWN_IDS) {
        generator.rsplit('/').next().filter(|id| !id.is_empty())
    } else if begins(OTHERS) {
        Some(generator)
    } else {
        None
    }
}

fn standing(finding: &Value) -> Standing {
    let is =
        |pointer: &str, word: &str| finding.text(pointer).is_some_and(|text| text.eq_ignore_ascii_case(word));
    let closed = |word: &str| is("/Workflow/Status", word) || is("/WorkflowState", word);
    if is("/RecordState", "ARCHIVED") {
        return Standing::Closed { why: "archived".to_owned() };
    }
    if is("/Compliance/Status", "PASSED") {
        return Standing::Compliant;
    }
    if closed("SUPPRESSED") {
        return Standing::Closed { why: "suppressed".to_owned() };
    }
    if closed("RESOLVED") {
        return Standing::Closed { why: "resolved".to_owned() };
    }
    match finding.text("/Compliance/Status") {
        // Findings of other products have none: that they are there is the news.
        None => Standing::Violating,
        Some(status) if status.eq_ignore_ascii_case("FAILED") => Standing::Violating,
        Some(status) => Standing::Undecided { why: format!("its compliance status is {}", quote(status)) },
    }
}
