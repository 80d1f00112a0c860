//! Load balancers that have had nobody to send requests to.

use serde_json::{Value, json};

use crate::{
    Case, Kind, Listing, Need, Parameter, Rule, Unjudged, Verdict, api,
    case::{number, text},
};

const DAYS: Parameter = Parameter {
    name: "days",
    kind: Kind::Count(455),
    default: "14",
    docs: "how many whole days a load balancer may be without a healthy target. CloudWatch keeps 455 days",
};

pub(super) const RULE: Rule = Rule {
    name: "load-balancer-without-healthy-target",
    title: "Load balancer has had no healthy target for days",
    docs: "None of its target groups has a healthy target now, and CloudWatch's `HealthyHostCount` has been 0 in all of them for that long. A \
           load balancer that is younger is left alone, and so is one of whose targets the health can't be known (Lambda functions, unused). \
           See <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html>.",
    resource_type: "AWS::ElasticLoadBalancingV2::LoadBalancer",
    listing: Listing::Recorded,
    parameters: &[&DAYS],
    needs,
    judge,
};

/// First its target groups, then their targets' health, then how it was.
fn needs(case: &Case<'_>) -> Vec<(String, Need)> {
    if is_young(case) {
        return Vec::new();
    }
    let arn = arn(case);
    let read = |api, parameters| Need::Read { api, parameters };
    let mut needs = vec![("groups".to_owned(), read(&api::TARGET_GROUPS, json!({"LoadBalancerArn": arn})))];
    let groups: Vec<_> = groups(case.facts.all("groups")).collect();
    for group in &groups {
        needs.push((format!("health {group}"), read(&api::TARGET_HEALTH, json!({"TargetGroupArn": group}))));
    }
    let all_known =
        case.facts.has("groups") && groups.iter().all(|group| case.facts.has(&format!("health {group}")));
    if all_known && !groups.iter().any(|group| is_healthy(case, group)) {
        for group in &groups {
            if let Some(parameters) = statistics(case, arn, group) {
                needs.push((format!("earlier {group}"), read(&api::METRIC_STATISTICS, parameters)));
            }
        }
    }
    needs
}

fn arn<'a>(case: &'a Case<'_>) -> &'a str {
    case.item.text("loadBalancerArn").or(case.item.arn.as_deref()).unwrap_or(&case.item.id)
}

fn groups(records: &[Value]) -> impl Iterator<Item = &str> {
    records.iter().filter_map(|group| text(group, "TargetGroupArn"))
}

fn is_young(case: &Case<'_>) -> bool {
    case.item
        .time("createdTime")
        .or(case.item.created_at)
        .is_some_and(|created| case.days_since(created) < case.parameters.count(&DAYS))
}

fn is_healthy(case: &Case<'_>, group: &str) -> bool {
    case.facts
        .all(&format!("health {group}"))
        .iter()
        .any(|target| text(target, "TargetHealth.State") == Some("healthy"))
}

/// The daily maximum of healthy hosts. The dimensions are the ends of the ARNs: `app/name/id`, `targetgroup/name/id`.
fn statistics(case: &Case<'_>, balancer: &str, group: &str) -> Option<Value> {
    let balancer = balancer.split_once(":loadbalancer/")?.1;
    let group = group.rsplit(':').next()?;
    let namespace = match balancer.split('/').next()? {
        "app" => "AWS/ApplicationELB",
        "net" => "AWS/NetworkELB",
        "gwy" => "AWS/GatewayELB",
        _ => return None,
    };
    let days = i64::from(case.parameters.count(&DAYS)).max(1);
    let start = jiff::Timestamp::from_second(case.now.as_second().saturating_sub(days * 86_400)).ok()?;
    let dimension = |name: &str, value: &str| json!({"Name": name, "Value": value});
    Some(json!({
        "Namespace": namespace,
        "MetricName": "HealthyHostCount",
        "Dimensions": {"member": [dimension("LoadBalancer", balancer), dimension("TargetGroup", group)]},
        "StartTime": start.to_string(),
        "EndTime": case.now.to_string(),
        "Period": "86400",
        "Statistics": {"member": ["Maximum"]},
    }))
}

fn judge(case: &Case<'_>) -> Result<Verdict, Unjudged> {
    let allowed = case.parameters.count(&DAYS);
    if is_young(case) {
        return Ok(Verdict::not_applicable(format!("the load balancer is younger than {allowed} days")));
    }
    let groups: Vec<_> = groups(case.fact("groups")?).collect();
    if groups.is_empty() {
        return Ok(Verdict::non_compliant("the load balancer has no target group"));
    }
    for group in &groups {
        case.fact(&format!("health {group}"))?;
        if is_healthy(case, group) {
            return Ok(Verdict::Compliant);
        }
    }
    let unknown = |group: &&str| {
        case.facts
            .all(&format!("health {group}"))
            .iter()
            .any(|target| text(target, "TargetHealth.State") == Some("unavailable"))
    };
    if groups.iter().any(unknown) {
        return Ok(Verdict::not_applicable("the health of its targets can't be known"));
    }
    for group in &groups {
        let datapoints = case.fact(&format!("earlier {group}"))?;
        if datapoints.iter().any(|point| number(point, "Maximum").is_some_and(|most| most > 0.0)) {
            return Ok(Verdict::Compliant);
        }
    }
    Ok(Verdict::non_compliant(format!(
        "no healthy target in {} target groups for {allowed} days",
        groups.len()
    )))
}
