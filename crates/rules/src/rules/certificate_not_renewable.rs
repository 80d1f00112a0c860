//! Certificates that run out soon, and that ACM won't renew.

use crate::{Case, Kind, Listing, Parameter, Rule, Unjudged, Verdict, nothing};

const DAYS: Parameter = Parameter {
    name: "days",
    kind: Kind::Count(395),
    default: "30",
    docs: "how many days before its end a certificate that ACM won't renew is a problem",
};

pub(super) const RULE: Rule = Rule {
    name: "certificate-not-renewable",
    title: "Certificate ends soon and can't be renewed by ACM",
    docs: "ACM renews what it issued, as long as the domain is still validated and, for private certificates and DNS or mail validation, the \
           certificate is in use: `renewalEligibility` says so. Certificates that were never issued are left alone. \
           See <https://docs.aws.amazon.com/acm/latest/userguide/managed-renewal.html>.",
    resource_type: "AWS::ACM::Certificate",
    listing: Listing::Recorded,
    parameters: &[&DAYS],
    needs: nothing,
    judge,
};

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    let item = case.item;
    match item.required("status")? {
        "ISSUED" | "EXPIRED" => {}
        other => return Ok(Verdict::not_applicable(format!("the certificate is not in force ({other})"))),
    }
    if item.required("renewalEligibility")? == "ELIGIBLE" {
        return Ok(Verdict::Compliant);
    }
    let ends = item
        .time("notAfter")
        .ok_or_else(|| Unjudged("ACM does not say when the certificate ends".to_owned()))?;
    let seconds = ends.as_second().saturating_sub(case.now.as_second());
    let kind = if item.text("type") == Some("IMPORTED") { "imported" } else { "not eligible for renewal" };
    Ok(if seconds <= 0 {
        Verdict::non_compliant(format!("the certificate has ended; it is {kind}"))
    } else if seconds <= i64::from(case.parameters.count(&DAYS)) * 86_400 {
        Verdict::non_compliant(format!("the certificate ends in {} days; it is {kind}", seconds / 86_400))
    } else {
        Verdict::Compliant
    })
}
