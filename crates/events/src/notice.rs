//! The other detective services: each finding becomes a notice about the resource it names, or about the account.

use plumb_model::{Region, ResourceRef, Source, Standing};
use serde_json::Value;

use crate::{
    Content, Kind,
    envelope::{Envelope, named_resource},
    json::{self, Look, Wrong},
    resource,
};

/// A resource as a service names it: type if known, and name.
type Named = (Option<String>, String);

struct Notice {
    name: Option<String>,
    standing: Standing,
    about: Vec<Named>,
}

/// The notice in an event, unless no detective service sent it.
pub(crate) fn read(event: &Envelope) -> Option<(Kind, Result<Content, Wrong>)> {
    let (source, kind) = (event.source.as_str(), event.detail_type.as_str());
    let (kind, read): (_, fn(&Envelope) -> Notice) = match source {
        "aws.guardduty" if kind == "GuardDuty Finding" => (Kind::GuardDuty, guardduty),
        "aws.inspector2" if kind == "Inspector2 Finding" => (Kind::Inspector, inspector),
        "aws.macie" if kind == "Macie Finding" => (Kind::Macie, macie),
        "aws.access-analyzer" if kind.contains("Finding") => (Kind::AccessAnalyzer, access_analyzer),
        "aws.acm" if kind.starts_with("ACM Certificate") => (Kind::Certificate, certificate),
        "aws.health" | "aws.health-cf" => (Kind::Health, health),
        "aws.trustedadvisor" => (Kind::TrustedAdvisor, trusted_advisor),
        "aws.kms" if kind.starts_with("KMS") => (Kind::Key, key),
        _ => return None,
    };
    Some((kind, signals(event, read(event))))
}

fn signals(event: &Envelope, notice: Notice) -> Result<Content, Wrong> {
    let account =
        ["/accountId", "/awsAccountId"].into_iter().find(|pointer| event.detail.text(pointer).is_some());
    let account = event.account(account.unwrap_or("/accountId"))?;
    let region = ["/region", "/check-item-detail/Region"]
        .into_iter()
        .find_map(|pointer| Region::parse(event.detail.text(pointer)?).ok())
        .map_or_else(|| event.sent_from(), Ok)?;
    let name = notice.name.unwrap_or_else(|| event.detail_type.clone());
    let source = Source::Notice { service: json::name(&event.source), name: json::name(&name) };
    let mut about = Vec::new();
    for (kind, name) in notice.about.into_iter().filter(|(_, name)| !name.trim().is_empty()) {
        let kind = kind.or_else(|| resource::guess_type(&name).map(str::to_owned));
        let kind = kind.unwrap_or_else(|| "unknown".to_owned());
        about.push(named_resource(&kind, &name, account.clone(), region.clone(), &Value::Null)?);
    }
    if about.is_empty() {
        let id = account.to_string();
        about.push(ResourceRef { account, region, kind: "AWS::::Account".to_owned(), id });
    }
    let signals = about.into_iter().map(|about| event.signal(source.clone(), about, notice.standing.clone()));
    Ok(Content::Signals(signals.collect()))
}

fn owned(value: Option<&str>) -> Option<String> {
    value.map(str::to_owned)
}

fn typed(kind: &str, name: Option<&str>) -> Option<Named> {
    name.map(|name| (Some(kind.to_owned()), name.to_owned()))
}

fn closed_if(closed: bool, why: &str) -> Standing {
    if closed { Standing::Closed { why: why.to_owned() } } else { Standing::Violating }
}

fn guardduty(event: &Envelope) -> Notice {
    let found = event.detail.at("/resource");
    let about = match found.text("/resourceType") {
        Some("S3Bucket" | "S3Object") => found
            .list("/s3BucketDetails")
            .iter()
            .filter_map(|b| typed("AWS::S3::Bucket", b.text("/name")))
            .collect(),
        Some(kind) => {
            let (kind, pointer) = match kind {
                "Instance" => ("AWS::EC2::Instance", "/instanceDetails/instanceId"),
                "AccessKey" => ("AWS::IAM::AccessKey", "/accessKeyDetails/accessKeyId"),
                "EKSCluster" => ("AWS::EKS::Cluster", "/eksClusterDetails/name"),
                "ECSCluster" => ("AWS::ECS::Cluster", "/ecsClusterDetails/name"),
                "Lambda" => ("AWS::Lambda::Function", "/lambdaDetails/functionName"),
                "RDSDBInstance" => ("AWS::RDS::DBInstance", "/rdsDbInstanceDetails/dbiResourceId"),
                _ => ("AWS::::Account", "/none"),
            };
            typed(kind, found.text(pointer)).into_iter().collect()
        }
        None => Vec::new(),
    };
    let archived = event.detail.at("/service/archived").as_bool() == Some(true);
    Notice { name: owned(event.detail.text("/type")), standing: closed_if(archived, "archived"), about }
}

fn inspector(event: &Envelope) -> Notice {
    let about = event.detail.list("/resources").iter();
    let about = about.filter_map(|found| {
        Some((found.text("/type").map(resource::config_resource_type), found.text("/id")?.to_owned()))
    });
    let status = event.detail.text("/status").unwrap_or("ACTIVE");
    Notice {
        name: owned(event.detail.text("/type")),
        standing: closed_if(!status.eq_ignore_ascii_case("ACTIVE"), &status.to_lowercase()),
        about: about.collect(),
    }
}

fn macie(event: &Envelope) -> Notice {
    let bucket = event.detail.text("/resourcesAffected/s3Bucket/name");
    let archived = event.detail.at("/archived").as_bool() == Some(true);
    Notice {
        name: owned(event.detail.text("/type")),
        standing: closed_if(archived, "archived"),
        about: typed("AWS::S3::Bucket", bucket).into_iter().collect(),
    }
}

fn access_analyzer(event: &Envelope) -> Notice {
    let detail = &event.detail;
    let status = detail.text("/status").unwrap_or("ACTIVE");
    let standing = if detail.at("/isDeleted").as_bool() == Some(true) {
        Standing::Deleted
    } else {
        closed_if(!status.eq_ignore_ascii_case("ACTIVE"), &status.to_lowercase())
    };
    let about = detail.text("/resource").map(|name| (owned(detail.text("/resourceType")), name.to_owned()));
    Notice { name: None, standing, about: about.into_iter().collect() }
}

fn certificate(event: &Envelope) -> Notice {
    // "ACM Certificate Available" and "… Renewed" are good news.
    let good = ["Available", "Renewed"].iter().any(|word| event.detail_type.ends_with(word));
    Notice {
        name: None,
        standing: if good { Standing::Compliant } else { Standing::Violating },
        about: event.resources.iter().filter_map(|name| typed("AWS::ACM::Certificate", Some(name))).collect(),
    }
}

fn health(event: &Envelope) -> Notice {
    let entities = event.detail.list("/affectedEntities").iter();
    let about = entities.filter_map(|entity| Some((None, entity.text("/entityValue")?.to_owned())));
    let closed = event.detail.text("/statusCode").is_some_and(|status| status.eq_ignore_ascii_case("closed"));
    Notice {
        name: owned(event.detail.text("/eventTypeCode")),
        standing: closed_if(closed, "closed"),
        about: about.collect(),
    }
}

fn trusted_advisor(event: &Envelope) -> Notice {
    let standing = match event.detail.text("/status").unwrap_or_default().to_uppercase().as_str() {
        "ERROR" | "WARN" => Standing::Violating,
        "OK" => Standing::Compliant,
        other => Standing::Undecided { why: json::quote(other) },
    };
    let about = event.detail.text("/resource_id").map(|name| (None, name.to_owned()));
    Notice { name: owned(event.detail.text("/check-name")), standing, about: about.into_iter().collect() }
}

fn key(event: &Envelope) -> Notice {
    let standing = if event.detail_type.ends_with("Deletion") {
        Standing::Deleted
    } else if event.detail_type.ends_with("Rotation") {
        Standing::Compliant
    } else {
        Standing::Violating
    };
    let name = event.detail.text("/key-id").or(event.resources.first().map(String::as_str));
    Notice { name: None, standing, about: typed("AWS::KMS::Key", name).into_iter().collect() }
}
