//! The API calls after which a resource is worth a look: one EventBridge rule per service.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    definition::Definition,
    template::{logical, parameter, prefixed, template},
    yaml::{Yaml, list, map, reference, text},
};

/// EventBridge takes patterns of up to 2,048 characters; the names of one service's calls get what is left beside the
/// rest of the pattern.
const LONGEST_NAMES: usize = 1700;

/// `infra/generated/events.yaml`.
pub(crate) fn generate(controls: &[Definition]) -> String {
    let rules = patterns(controls).into_iter();
    let resources =
        rules.map(|(name, pattern)| (format!("{}CallsRule", logical(&name)), rule(&name, pattern))).collect();
    template(
        "Plumb: the API calls after which a resource is worth a look",
        vec![
            ("FindingsQueueArn", parameter("Where the events go")),
            ("DeadLettersArn", parameter("Where EventBridge leaves the events that it could not deliver")),
        ],
        vec![],
        resources,
        vec![],
    )
}

/// The event patterns, by the name of their service, numbered from the second on.
pub(crate) fn patterns(controls: &[Definition]) -> Vec<(String, Yaml)> {
    let mut services: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for call in controls.iter().flat_map(|control| &control.api_calls) {
        services.entry(&call.service).or_default().insert(&call.name);
    }
    let mut patterns = Vec::new();
    for (source, names) in services {
        let service = source.trim_end_matches(".amazonaws.com");
        for (index, chunk) in chunks(&names).into_iter().enumerate() {
            let name = if index == 0 { service.to_owned() } else { format!("{service}-{}", index + 1) };
            patterns.push((name, pattern(service, source, &chunk)));
        }
    }
    patterns
}

/// The names, split so that each part fits a pattern.
fn chunks<'a>(names: &BTreeSet<&'a str>) -> Vec<Vec<&'a str>> {
    let mut chunks: Vec<Vec<&str>> = Vec::new();
    let mut length = LONGEST_NAMES;
    for &name in names {
        length += name.len() + 3;
        if length > LONGEST_NAMES {
            chunks.push(Vec::new());
            length = name.len() + 3;
        }
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(name);
        }
    }
    chunks
}

/// A call with an `errorCode` changed nothing, so it is left out.
fn pattern(service: &str, source: &str, calls: &[&str]) -> Yaml {
    let detail = map([
        ("eventSource", list([text(source)])),
        ("eventName", list(calls.iter().copied().map(text))),
        ("errorCode", list([map([("exists", Yaml::Bool(false))])])),
    ]);
    map([
        ("source", list([text(format!("aws.{service}"))])),
        ("detail-type", list([text("AWS API Call via CloudTrail")])),
        ("detail", detail),
    ])
}

fn rule(name: &str, pattern: Yaml) -> Yaml {
    let target = map([
        ("Id", text("findings")),
        ("Arn", reference("FindingsQueueArn")),
        ("DeadLetterConfig", map([("Arn", reference("DeadLettersArn"))])),
        (
            "RetryPolicy",
            map([
                ("MaximumEventAgeInSeconds", Yaml::Integer(86_400)),
                ("MaximumRetryAttempts", Yaml::Integer(185)),
            ]),
        ),
    ]);
    map([
        ("Type", text("AWS::Events::Rule")),
        (
            "Properties",
            map([
                ("Name", prefixed(&format!("calls-{name}"))),
                ("Description", text(format!("Calls to {name} that may make a violation, to Plumb"))),
                ("State", text("ENABLED")),
                ("EventPattern", pattern),
                ("Targets", list([target])),
            ]),
        ),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_fit_no_single_pattern_are_split_without_loss() {
        let names: Vec<_> = (0..150).map(|number| format!("SomeRatherLongApiCallName{number:03}")).collect();
        let names: BTreeSet<_> = names.iter().map(String::as_str).collect();
        let chunks = chunks(&names);
        assert!(chunks.len() > 1);
        for chunk in &chunks {
            assert!(!chunk.is_empty());
            assert!(serde_json::to_string(chunk).unwrap().len() <= LONGEST_NAMES + 2);
        }
        assert_eq!(chunks.into_iter().flatten().collect::<BTreeSet<_>>(), names);
    }
}
