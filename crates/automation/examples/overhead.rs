//! What a run costs beside the calls it makes: a document of three API steps, against an account that answers at once.
//!
//! `cargo run -p plumb-automation --example overhead --release`

use std::{
    collections::BTreeMap,
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use plumb_automation::{
    Answer, ApiCall, ApiError, AtOnce, AwsApi, Clock, Declared, Document, Documents, DocumentsError,
    Environment, Mode, Ports, ScriptError, ScriptJob, Scripts, Silent, Start, Status, Stored, run, signals,
};
use serde_json::{Value, json};

const DOCUMENT: &str = "
schemaVersion: '0.3'
parameters: {Bucket: {type: String, allowedPattern: '^[a-z0-9.-]{3,63}$'}}
mainSteps:
  - name: Look
    action: aws:executeAwsApi
    inputs: {Service: s3, Api: GetBucketVersioning, Bucket: '{{ Bucket }}'}
    outputs: [{Name: Status, Selector: $.Status}]
  - name: Change
    action: aws:executeAwsApi
    inputs: {Service: s3, Api: PutBucketVersioning, Bucket: '{{ Bucket }}', VersioningConfiguration: {Status: Enabled}}
  - name: Check
    action: aws:assertAwsResourceProperty
    inputs: {Service: s3, Api: GetBucketVersioning, Bucket: '{{ Bucket }}', PropertySelector: $.Status, DesiredValues: [Enabled]}
outputs: [Look.Status]
";

const RUNS: usize = 2_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given = BTreeMap::from([("Bucket".to_owned(), vec!["a-bucket".to_owned()])]);
    let (mut reading, mut running) = (Vec::with_capacity(RUNS), Vec::with_capacity(RUNS));
    for number in 0..RUNS {
        let began = Instant::now();
        let document = Arc::new(Document::parse(DOCUMENT)?);
        reading.push(began.elapsed());

        let began = Instant::now();
        let start = start(number, document, &given)?;
        let (_stopper, signals) = signals();
        let ended = run(start, ports(), signals).await;
        running.push(began.elapsed());
        if ended.status != Status::Success {
            return Err(format!("the run ended in {}", ended.status.as_str()).into());
        }
    }
    let mut out = std::io::stdout();
    writeln!(out, "a run of three API steps, {RUNS} times, in microseconds")?;
    report(&mut out, "reading the document", reading)?;
    report(&mut out, "binding and running it", running)?;
    Ok(())
}

fn start(
    number: usize,
    document: Arc<Document>,
    given: &BTreeMap<String, Vec<String>>,
) -> Result<Start, Box<dyn std::error::Error>> {
    Ok(Start {
        id: format!("00000000-0000-4000-8000-{number:012}"),
        document_name: "overhead".to_owned(),
        document_version: "1".to_owned(),
        parameters: document.bind(given)?,
        document,
        environment: Environment {
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
            partition: "aws".to_owned(),
        },
        executed_by: "arn:aws:iam::123456789012:user/bench".to_owned(),
        parent_id: None,
        depth: 0,
        mode: Mode::Auto,
        role: None,
        target: None,
    })
}

fn report(out: &mut impl std::io::Write, what: &str, mut times: Vec<Duration>) -> std::io::Result<()> {
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).map_or(0, Duration::as_micros);
    let most = times.last().map_or(0, Duration::as_micros);
    writeln!(out, "{what:24} median {:6}  99th percentile {:6}  most {most:6}", at(50), at(99))
}

fn ports() -> Ports {
    Ports {
        api: Arc::new(Instantly),
        scripts: Arc::new(Instantly),
        documents: Arc::new(Instantly),
        clock: Arc::new(Instantly),
        observer: Arc::new(Silent),
        stubs: Arc::new(Declared::default()),
        launcher: Arc::new(AtOnce),
    }
}

/// An account that answers at once.
struct Instantly;

impl AwsApi for Instantly {
    fn call(&self, _call: ApiCall) -> Answer<'_, Result<Value, ApiError>> {
        Box::pin(std::future::ready(Ok(json!({"Status": "Enabled"}))))
    }
}

impl Scripts for Instantly {
    fn run(&self, _job: ScriptJob) -> Answer<'_, Result<Value, ScriptError>> {
        Box::pin(std::future::ready(Ok(Value::Null)))
    }
}

impl Documents for Instantly {
    fn find<'a>(
        &'a self,
        name: &'a str,
        _version: Option<&'a str>,
    ) -> Answer<'a, Result<Stored, DocumentsError>> {
        let error = DocumentsError {
            code: "AutomationDefinitionNotFoundException".to_owned(),
            message: format!("there is no document `{name}`"),
        };
        Box::pin(std::future::ready(Err(error)))
    }
}

impl Clock for Instantly {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, duration: Duration) -> Answer<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}
