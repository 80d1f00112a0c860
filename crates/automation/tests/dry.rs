//! Dry runs: what is found without making a call, and with an account that may be read.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{collections::BTreeMap, sync::Arc};

use plumb_automation::{
    Answer, ApiCall, ApiError, AwsApi, Document, Environment,
    dry::{DryRun, DryStep, Report, Source, Verdict, dry_run},
    lint::Models,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn models() -> Models {
    Models::from_json(serde_json::from_str(include_str!("lint/models.json")).unwrap()).unwrap()
}

/// A dry run against the models of the linter's tests; `reader` may be asked.
async fn rehearse(text: &str, given: &[(&str, &str)], reader: Option<Arc<dyn AwsApi>>) -> Report {
    let document = Document::parse(text).unwrap();
    let given: BTreeMap<String, Vec<String>> =
        given.iter().map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()])).collect();
    dry_run(DryRun {
        document: &document,
        given,
        environment: Environment {
            account: "123456789012".into(),
            region: "us-east-1".into(),
            partition: "aws".into(),
        },
        now: "2024-11-29T19:43:20Z".parse().unwrap(),
        models: Some(&models()),
        reader,
        documents: None,
    })
    .await
    .unwrap()
}

fn step<'r>(report: &'r Report, name: &str) -> &'r DryStep {
    report.steps.iter().find(|step| step.name == name).unwrap()
}

fn steps_of(report: &Report) -> Vec<&str> {
    report.steps.iter().map(|step| step.name.as_str()).collect()
}

fn problems(report: &Report) -> Vec<String> {
    let all = report.steps.iter().flat_map(|step| &step.problems);
    all.map(|problem| format!("{} {}", if problem.fails { "fails:" } else { "may:" }, problem.message))
        .collect()
}

fn document(steps: &str) -> String {
    format!(
        "schemaVersion: '0.3'\nparameters: {{Key: {{type: String}}, Mode: {{type: String, default: soft}}}}\nvariables: {{Seen: {{type: Integer, default: 0}}}}\nmainSteps:\n{steps}"
    )
}

const LOOK: &str = "
  - name: Look
    action: aws:executeAwsApi
    inputs: {Service: kms, Api: describe_key, KeyId: '{{ Key }}'}
    outputs: [{Name: State, Selector: $.KeyMetadata.KeyState}]
";
const DECIDE: &str = "
  - name: Decide
    action: aws:branch
    isEnd: true
    inputs:
      Choices:
        - {NextStep: Fix, Variable: '{{ Look.State }}', StringEquals: Enabled}
        - {NextStep: Tell, Variable: '{{ Mode }}', StringEquals: hard}
";
const FIX: &str = "
  - {name: Fix, action: 'aws:executeAwsApi', inputs: {Service: kms, Api: EnableKeyRotation, KeyId: '{{ Key }}'}, isEnd: true}
  - {name: Tell, action: 'aws:executeAwsApi', inputs: {Service: sns, Api: Publish, TopicArn: t, Message: '{{ Look.State }}'}}
";

#[tokio::test]
async fn without_an_account_every_way_that_an_answer_may_choose_is_walked() {
    let report = rehearse(&document(&format!("{LOOK}{DECIDE}{FIX}")), &[], None).await;
    assert_eq!(report.verdict, Verdict::Passes, "{report:#?}");
    assert_eq!(steps_of(&report), ["Look", "Decide", "Fix"]);
    assert_eq!(report.never_reached, ["Tell"]);
    assert_eq!(step(&report, "Look").inputs["KeyId"], json!("<Key>"));
    assert_eq!(step(&report, "Look").calls[0].api, "DescribeKey");
    assert!(!step(&report, "Look").calls[0].changes && step(&report, "Fix").calls[0].changes);
    assert!(step(&report, "Decide").certain && !step(&report, "Fix").certain);
    assert_eq!(step(&report, "Decide").next, ["Fix (`Decide` if <Look.State> StringEquals \"Enabled\")"]);
    let key = report.parameters.iter().find(|parameter| parameter.name == "Key").unwrap();
    assert_eq!((key.from, &key.value), (Source::Missing, &json!("<Key>")));
    let ends: Vec<_> = report.ends.iter().map(|end| format!("{} {}", end.status, end.at)).collect();
    assert_eq!(ends, ["Failed Fix", "Failed Look", "Success Decide", "Success Fix"]);
}

#[tokio::test]
async fn a_parameter_that_is_given_decides_a_branch() {
    let text = document(&format!("{LOOK}{DECIDE}{FIX}"));
    let report = rehearse(&text, &[("Key", "k"), ("Mode", "hard")], None).await;
    assert_eq!(steps_of(&report), ["Look", "Decide", "Fix", "Tell"]);
    assert_eq!(step(&report, "Tell").inputs["Message"], json!("<Look.State>"));
    let text = document(&format!("{}{FIX}", DECIDE.replace("{{ Look.State }}", "{{ Mode }}")));
    let report = rehearse(&text, &[("Mode", "hard")], None).await;
    assert_eq!(steps_of(&report), ["Decide", "Tell"]);
    assert!(step(&report, "Tell").certain);
}

/// Whoever asks it to change something is a bug.
struct Account;

impl AwsApi for Account {
    fn call(&self, call: ApiCall) -> Answer<'_, Result<Value, ApiError>> {
        assert!(["DescribeKey", "GetBucketAcl"].contains(&call.api.as_str()), "{call:?}");
        Box::pin(async move {
            let key = call.parameters.get("KeyId").and_then(Value::as_str);
            match key {
                Some("gone") => Err(ApiError::Service {
                    code: "NotFoundException".into(),
                    message: "no key".into(),
                    operation: call.api,
                }),
                _ => Ok(json!({"KeyMetadata": {"KeyState": key, "Enabled": true}})),
            }
        })
    }
}

fn account() -> Arc<dyn AwsApi> {
    Arc::new(Account)
}

#[tokio::test]
async fn an_account_is_read_and_its_answers_decide() {
    let text = document(&format!("{LOOK}{DECIDE}{FIX}"));
    let report = rehearse(&text, &[("Key", "Enabled")], Some(account())).await;
    assert_eq!(steps_of(&report), ["Look", "Decide", "Fix"]);
    assert!(step(&report, "Look").calls[0].made && !step(&report, "Fix").calls[0].made);
    assert!(step(&report, "Fix").certain);
    let report = rehearse(&text, &[("Key", "Disabled")], Some(account())).await;
    assert_eq!(steps_of(&report), ["Look", "Decide"]);
    let report = rehearse(&text, &[("Key", "gone")], Some(account())).await;
    assert_eq!(report.verdict, Verdict::Fails);
    assert!(problems(&report)[0].contains("NotFoundException"), "{:?}", problems(&report));
}

#[tokio::test]
async fn nothing_is_read_after_something_would_have_changed() {
    let verify = "
  - name: Verify
    action: aws:assertAwsResourceProperty
    inputs: {Service: kms, Api: DescribeKey, KeyId: '{{ Key }}', PropertySelector: $.KeyMetadata.Enabled, DesiredValues: ['False']}
";
    let fix = "\n  - {name: Fix, action: 'aws:executeAwsApi', inputs: {Service: kms, Api: EnableKeyRotation, KeyId: k}}";
    let report = rehearse(&document(&format!("{fix}{verify}")), &[("Key", "k")], Some(account())).await;
    assert!(!step(&report, "Verify").calls[0].made);
    assert_eq!(report.verdict, Verdict::Passes, "{:?}", problems(&report));
    let report = rehearse(&document(verify), &[("Key", "k")], Some(account())).await;
    assert!(problems(&report)[0].contains("$.KeyMetadata.Enabled is true, not one of [\"False\"]"));
}

#[tokio::test]
async fn calls_are_compared_with_the_apis_models() {
    let text = document(
        "
  - name: Wrong
    action: aws:executeAwsApi
    inputs: {Service: kms, Api: EnableKeyRotation, Keyid: k, RotationPeriodInDays: soon}
  - name: Loose
    action: aws:executeAwsApi
    inputs: {Service: kms, Api: DescribeKey, KeyId: ['{{ Key }}']}
    outputs: [{Name: State, Selector: $.KeyMetadata.KeyStat}, {Name: Days, Selector: $.KeyMetadata.Enabled, Type: Integer}]
  - name: Wait
    action: aws:waitForAwsResourceProperty
    inputs: {Service: kms, Api: DescribeKey, KeyId: k, PropertySelector: $.KeyMetadata.Enabled, DesiredValues: ['true']}
",
    );
    let report = rehearse(&text, &[("Key", "k")], None).await;
    assert_eq!(report.verdict, Verdict::Fails);
    // What is bound to fail ends the way that goes well.
    assert_eq!(steps_of(&report), ["Wrong"]);
    let found = problems(&report).join("\n");
    for part in ["demands `KeyId`", "no parameter `Keyid`", "is `\"soon\"`, and the API wants a whole number"]
    {
        assert!(found.contains(part), "{part}: {found}");
    }
    let text = text.replace("Keyid: k, RotationPeriodInDays: soon", "KeyId: k");
    let report = rehearse(&text, &[("Key", "k")], None).await;
    assert_eq!(report.verdict, Verdict::Passes, "{:?}", problems(&report));
    let found = problems(&report).join("\n");
    for part in [
        "may: `KeyId` of `DescribeKey` is a list, and the API wants text",
        "has no `KeyStat`",
        "selects a Boolean from the answer of `DescribeKey`, not a Integer",
        "write True or False, `true` equals neither",
    ] {
        assert!(found.contains(part), "{part}: {found}");
    }
}

#[tokio::test]
async fn references_that_no_run_could_resolve_fail_and_doubtful_ones_are_told() {
    let text = document(
        "
  - {name: A, action: 'aws:branch', inputs: {Choices: [{NextStep: C, Variable: '{{ Key }}', StringEquals: x}], Default: B}}
  - {name: B, action: 'aws:executeAwsApi', inputs: {Service: kms, Api: DescribeKey, KeyId: k}, outputs: [{Name: S, Selector: $.KeyMetadata.KeyState}]}
  - {name: C, action: 'aws:executeAwsApi', inputs: {Service: sns, Api: Publish, TopicArn: t, Message: '{{ B.S }}'}, nextStep: D}
  - {name: D, action: 'aws:executeAwsApi', inputs: {Service: sns, Api: Publish, TopicArn: t, Message: '{{ B.Nothing }} {{ Nobody }} {{ global:NOWHERE }}'}}
",
    );
    let found = problems(&rehearse(&text, &[], None).await);
    assert!(found[0].starts_with("may: `{{ B.S }}` has no value on this way"), "{found:?}");
    for (index, name) in ["B.Nothing", "Nobody", "global:NOWHERE"].into_iter().enumerate() {
        let message = &found[index + 1];
        assert!(message.starts_with("fails:") && message.contains(name), "{message}");
    }
}

#[tokio::test]
async fn variables_loops_scripts_and_failures_are_walked() {
    let text = document(
        "
  - name: Each
    action: aws:loop
    onFailure: step:Tidy
    inputs:
      Iterators: ['{{ Key }}', b]
      Steps:
        - {name: Count, action: 'aws:updateVariable', inputs: {Name: 'variable:Seen', Value: '{{ Each.CurrentIteration }}'}}
        - name: Run
          action: aws:executeScript
          inputs: {Runtime: python3.11, Handler: h, InputPayload: {v: '{{ Each.CurrentIteratorValue }}'}, Script: \"import boto3\\ndef h(e, c):\\n  boto3.client('s3').delete_bucket(Bucket='b')\"}
          outputs: [{Name: Odd, Selector: $.Odd}]
  - {name: Nap, action: 'aws:sleep', inputs: {Duration: ten minutes}}
  - {name: Tidy, action: 'aws:deleteImage', inputs: {ImageId: i}}
",
    );
    let report = rehearse(&text, &[], None).await;
    assert_eq!(steps_of(&report), ["Each", "Count", "Run", "Nap", "Tidy"]);
    let call = &step(&report, "Run").calls[0];
    assert_eq!((call.service.as_str(), call.api.as_str(), call.in_script), ("s3", "DeleteBucket", true));
    let found = problems(&report);
    assert!(found[0].contains("is under `$.Payload`"), "{found:?}");
    assert!(found[1].contains("not an ISO 8601 duration"), "{found:?}");
    assert_eq!(step(&report, "Tidy").reached, "if `Each` fails");
    assert_eq!(step(&report, "Tidy").calls.len(), 3);
}

#[tokio::test]
async fn a_counter_that_leads_back_decides_nothing() {
    let text = document(
        "
  - {name: Add, action: 'aws:updateVariable', inputs: {Name: 'variable:Seen', Value: 1}}
  - {name: Again, action: 'aws:branch', inputs: {Choices: [{NextStep: Add, Variable: '{{ variable:Seen }}', NumericLesser: 3}], Default: Done}}
  - {name: Done, action: 'aws:executeAwsApi', inputs: {Service: sns, Api: Publish, TopicArn: t, Message: m}}
",
    );
    assert_eq!(steps_of(&rehearse(&text, &[], None).await), ["Add", "Again", "Done"]);
}

#[tokio::test]
async fn defaults_have_the_type_of_their_parameter() {
    let text = "
schemaVersion: '0.3'
parameters:
  Account: {type: String, default: 012345678901}
  Days: {type: Integer, default: '30'}
  Number: {type: String, default: 7}
  Config: {type: StringMap, default: '{\"Team\": \"blue\"}'}
  Maps: {type: MapList, default: '[{\"a\": 1}]'}
mainSteps: [{name: A, action: 'aws:pause', inputs: {}}]
";
    let report = rehearse(text, &[], None).await;
    let values: Vec<_> = report.parameters.iter().map(|parameter| parameter.value.clone()).collect();
    assert_eq!(
        values,
        [json!("012345678901"), json!({"Team": "blue"}), json!(30), json!([{"a": 1}]), json!("7")]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A document that was cut, doubled and mixed up is walked to an end all the same.
    #[test]
    fn any_document_that_can_be_read_can_be_walked(
        edits in prop::collection::vec((0..4_000_usize, 0..40_usize, prop::sample::select(WORDS)), 1..4),
    ) {
        let mut text = include_str!("lint/good/everything.yaml").to_owned();
        for (at, cut, word) in edits {
            let (at, end) = (at.min(text.len()), (at + cut).min(text.len()));
            if text.is_char_boundary(at) && text.is_char_boundary(end) {
                text.replace_range(at..end, word);
            }
        }
        if let Ok(document) = Document::parse(&text) {
            let plan = DryRun {
                document: &document,
                given: BTreeMap::new(),
                environment: Environment { account: "1".into(), region: "r".into(), partition: "aws".into() },
                now: "2024-11-29T19:43:20Z".parse().unwrap(),
                models: Some(&models()),
                reader: None,
                documents: None,
            };
            let report = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(dry_run(plan));
            let walked = report.map(|report| report.steps.len() + report.never_reached.len());
            prop_assert!(walked.is_err() || walked == Ok(document.all_steps().len()));
        }
    }
}

const WORDS: &[&str] = &[
    "",
    "Tell",
    "{{ Look.State }}",
    "step:Each",
    "null",
    "[]",
    "{}",
    "'x'",
    "0",
    "\n",
    "{{ ",
    " }}",
    "true",
];

#[tokio::test]
async fn a_parameter_outside_its_constraints_is_refused() {
    let document = Document::parse(&document(LOOK)).unwrap();
    let given = BTreeMap::from([("Kee".to_owned(), vec!["k".to_owned()])]);
    let plan = DryRun {
        document: &document,
        given,
        environment: Environment { account: "1".into(), region: "r".into(), partition: "aws".into() },
        now: "2024-11-29T19:43:20Z".parse().unwrap(),
        models: None,
        reader: None,
        documents: None,
    };
    assert!(dry_run(plan).await.unwrap_err().to_string().contains("Kee"));
}
