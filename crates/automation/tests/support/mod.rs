//! Fakes for the ports: an account that answers from a list, scripts that are Rust closures, and virtual time.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use plumb_automation::{
    Answer, ApiCall, ApiError, AtOnce, AwsApi, Clock, Declared, Document, Documents, DocumentsError,
    Environment, Execution, Mode, Observer, Patient, Ports, ScriptError, ScriptJob, Scripts, Signals, Spread,
    Start, StepExecution, Stopper, Stored, run, run_spread, signals,
};
use serde_json::{Value, json};

type ApiAnswer = Box<dyn Fn(&ApiCall) -> Result<Value, ApiError> + Send>;
type ScriptAnswer = Box<dyn Fn(&ScriptJob) -> Result<Value, ScriptError> + Send>;

/// A test's world. Time is tokio's, paused: it moves on whenever everything waits.
#[derive(Clone)]
pub(crate) struct World {
    inner: Arc<Inner>,
    ports: Ports,
}

struct Inner {
    /// Answers by `service:Api`, used up from the front; the last one stays.
    answers: Mutex<HashMap<String, Vec<ApiAnswer>>>,
    /// How long every call takes.
    latency: Mutex<Duration>,
    scripts: Mutex<HashMap<String, ScriptAnswer>>,
    documents: Mutex<HashMap<String, Arc<Document>>>,
    pub(crate) calls: Mutex<Vec<ApiCall>>,
    pub(crate) jobs: Mutex<Vec<ScriptJob>>,
    /// `execution status` and `step status`, in order.
    pub(crate) log: Mutex<Vec<String>>,
    began: tokio::time::Instant,
}

impl World {
    pub(crate) fn new() -> Self {
        let inner = Arc::new(Inner {
            answers: Mutex::default(),
            latency: Mutex::default(),
            scripts: Mutex::default(),
            documents: Mutex::default(),
            calls: Mutex::default(),
            jobs: Mutex::default(),
            log: Mutex::default(),
            began: tokio::time::Instant::now(),
        });
        let ports = Ports {
            api: inner.clone(),
            scripts: inner.clone(),
            documents: inner.clone(),
            clock: inner.clone(),
            observer: inner.clone(),
            stubs: Arc::new(Declared::default()),
            launcher: Arc::new(AtOnce),
        };
        Self { inner, ports }
    }

    pub(crate) fn answer(self, api: &str, answer: Value) -> Self {
        self.answer_with(api, move |_| Ok(answer.clone()))
    }

    pub(crate) fn refuse(self, api: &str, code: &str) -> Self {
        let (code, operation) = (code.to_owned(), api.split(':').next_back().unwrap_or_default().to_owned());
        self.answer_with(api, move |_| {
            Err(ApiError::Service { code: code.clone(), message: "no".into(), operation: operation.clone() })
        })
    }

    pub(crate) fn answer_with(
        self,
        api: &str,
        answer: impl Fn(&ApiCall) -> Result<Value, ApiError> + Send + 'static,
    ) -> Self {
        self.inner.answers.lock().unwrap().entry(api.to_owned()).or_default().push(Box::new(answer));
        self
    }

    pub(crate) fn latency(self, latency: Duration) -> Self {
        *self.inner.latency.lock().unwrap() = latency;
        self
    }

    pub(crate) fn script(
        self,
        handler: &str,
        answer: impl Fn(&ScriptJob) -> Result<Value, ScriptError> + Send + 'static,
    ) -> Self {
        self.inner.scripts.lock().unwrap().insert(handler.to_owned(), Box::new(answer));
        self
    }

    pub(crate) fn declare(mut self, declared: Declared) -> Self {
        self.ports.stubs = Arc::new(declared);
        self
    }

    /// Has throttled calls tried again for so long.
    pub(crate) fn patient(mut self, limit: Duration) -> Self {
        let api = Arc::clone(&self.ports.api);
        self.ports.api = Arc::new(Patient { api, clock: self.inner.clone(), limit });
        self
    }

    pub(crate) fn document(self, name: &str, text: &str) -> Self {
        let document = Arc::new(Document::parse(text).unwrap());
        self.inner.documents.lock().unwrap().insert(name.to_owned(), document);
        self
    }

    pub(crate) fn start(text: &str, parameters: &[(&str, &str)]) -> Start {
        let document = Arc::new(Document::parse(text).unwrap());
        let given: BTreeMap<String, Vec<String>> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()])).collect();
        Start {
            id: "eeca120b-a321-433e-9635-dab369006a6b".into(),
            document_name: "doc".into(),
            document_version: "1".into(),
            parameters: document.bind(&given).unwrap(),
            document,
            environment: Environment {
                account: "123456789012".into(),
                region: "us-east-1".into(),
                partition: "aws".into(),
            },
            executed_by: "arn:aws:iam::123456789012:user/dev".into(),
            parent_id: None,
            depth: 0,
            mode: Mode::Auto,
            role: None,
            target: None,
        }
    }

    pub(crate) async fn run(&self, text: &str, parameters: &[(&str, &str)]) -> Execution {
        let (_stopper, signals) = signals();
        self.run_with(text, parameters, signals).await
    }

    pub(crate) async fn run_with(
        &self,
        text: &str,
        parameters: &[(&str, &str)],
        signals: Signals,
    ) -> Execution {
        run(Self::start(text, parameters), self.ports.clone(), signals).await
    }

    /// Runs a document and stops it after some time.
    pub(crate) async fn run_stopped(
        &self,
        text: &str,
        after: Duration,
        stop: impl FnOnce(&Stopper) + Send + 'static,
    ) -> Execution {
        let (stopper, task) = self.spawn(Self::start(text, &[]));
        tokio::time::sleep(after).await;
        stop(&stopper);
        task.await.unwrap()
    }

    /// Starts a document of one's own making; its other end, and its result.
    pub(crate) fn spawn(&self, start: Start) -> (Stopper, tokio::task::JoinHandle<Execution>) {
        let (stopper, signals) = signals();
        (stopper, tokio::spawn(run(start, self.ports.clone(), signals)))
    }

    /// Runs a document as a request of `StartAutomationExecution` says.
    pub(crate) fn run_many(
        &self,
        text: &str,
        request: &Value,
    ) -> (Stopper, tokio::task::JoinHandle<Execution>) {
        let document = Arc::new(Document::parse(text).unwrap());
        let spread = Spread::read(request.as_object().unwrap(), &document).unwrap().unwrap();
        let parameters = document.bind_but(&BTreeMap::new(), &spread.own_parameters()).unwrap();
        let simple = "{schemaVersion: '0.3', mainSteps: [{name: A, action: 'aws:pause'}]}";
        let start = Start { document, parameters, ..Self::start(simple, &[]) };
        let (stopper, signals) = signals();
        let run = run_spread(start, spread, BTreeMap::new(), self.ports.clone(), signals);
        (stopper, tokio::spawn(run))
    }

    pub(crate) fn calls(&self) -> Vec<ApiCall> {
        self.inner.calls.lock().unwrap().clone()
    }

    pub(crate) fn jobs(&self) -> Vec<ScriptJob> {
        self.inner.jobs.lock().unwrap().clone()
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.inner.log.lock().unwrap().clone()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.inner.began.elapsed()
    }
}

impl AwsApi for Inner {
    fn call(&self, call: ApiCall) -> Answer<'_, Result<Value, ApiError>> {
        Box::pin(async move {
            let latency = *self.latency.lock().unwrap();
            tokio::time::sleep(latency).await;
            let key = format!("{}:{}", call.service, call.api);
            let mut answers = self.answers.lock().unwrap();
            let answer = match answers.get_mut(&key) {
                None => Err(ApiError::Client(format!("Unknown operation {key}"))),
                Some(left) => {
                    let answer = left[0](&call);
                    if left.len() > 1 {
                        drop(left.remove(0));
                    }
                    answer
                }
            };
            self.calls.lock().unwrap().push(call);
            answer.map(|mut value| {
                value["ResponseMetadata"] = json!({"HTTPStatusCode": 200});
                value
            })
        })
    }
}

impl Scripts for Inner {
    fn run(&self, job: ScriptJob) -> Answer<'_, Result<Value, ScriptError>> {
        Box::pin(async move {
            let answer = match self.scripts.lock().unwrap().get(&job.handler) {
                Some(script) => script(&job),
                None => Err(ScriptError::NotRun(format!("No script for {}", job.handler))),
            };
            self.jobs.lock().unwrap().push(job);
            answer
        })
    }
}

impl Documents for Inner {
    fn find<'a>(
        &'a self,
        name: &'a str,
        version: Option<&'a str>,
    ) -> Answer<'a, Result<Stored, DocumentsError>> {
        Box::pin(async move {
            match self.documents.lock().unwrap().get(name) {
                Some(document) => Ok(Stored {
                    name: name.to_owned(),
                    version: version.unwrap_or("1").to_owned(),
                    document: document.clone(),
                }),
                None => Err(DocumentsError {
                    code: "AutomationDefinitionNotFoundException".into(),
                    message: format!("Document {name} not found"),
                }),
            }
        })
    }
}

impl Clock for Inner {
    fn now(&self) -> Timestamp {
        let start: Timestamp = "2024-11-29T19:43:20Z".parse().unwrap();
        start + self.began.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Answer<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

impl Observer for Inner {
    fn execution_changed(&self, execution: &Execution) {
        let child = if execution.parent_id.is_some() { "child " } else { "" };
        self.log.lock().unwrap().push(format!("{child}execution {}", execution.status.as_str()));
    }

    fn step_changed(&self, execution: &Execution, step: &StepExecution) {
        let child = if execution.parent_id.is_some() { "child " } else { "" };
        self.log.lock().unwrap().push(format!("{child}{} {}", step.name, step.status.as_str()));
    }
}

/// `name status` of each step.
pub(crate) fn steps(execution: &Execution) -> Vec<String> {
    execution.steps.iter().map(|step| format!("{} {}", step.name, step.status.as_str())).collect()
}
