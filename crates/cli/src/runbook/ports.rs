//! What a run reaches: local AWS through its worker, the clock, and standard error.

use std::sync::Arc;

use plumb_automation::{
    Answer, Declared, Document, Documents, DocumentsError, Execution, Observer, Ports, Status, StepExecution,
    Stored,
};
use plumb_local::{Call, WallClock, Worker};
use serde_json::{Value, json};

use super::people::{Bell, Reachable};
use crate::output::say;

pub(super) fn ports(worker: Worker, stubs: Declared, bell: Bell, reachable: Reachable) -> Ports {
    let worker = Arc::new(worker);
    let documents = Arc::new(KeptDocuments(Arc::clone(&worker)));
    Ports {
        api: Arc::<Worker>::clone(&worker),
        scripts: worker,
        documents,
        clock: Arc::new(WallClock),
        observer: Arc::new(Progress(bell)),
        stubs: Arc::new(stubs),
        launcher: Arc::new(reachable),
    }
}

/// The documents that the endpoint's Systems Manager keeps, for `aws:executeAutomation`.
pub(super) struct KeptDocuments(pub(super) Arc<Worker>);

impl Documents for KeptDocuments {
    fn find<'a>(
        &'a self,
        name: &'a str,
        version: Option<&'a str>,
    ) -> Answer<'a, Result<Stored, DocumentsError>> {
        Box::pin(async move {
            let mut params = json!({ "Name": name });
            if let (Some(version), Some(object)) = (version, params.as_object_mut()) {
                object.insert("DocumentVersion".to_owned(), version.into());
            }
            let call = Call::outside("ssm", "GetDocument", params);
            let wrong = |code: &str, message: String| DocumentsError { code: code.to_owned(), message };
            let found = self.0.call(call).await.map_err(|error| wrong(&error.code, error.message))?;
            let text = |name: &str| found.get(name).and_then(Value::as_str).unwrap_or_default();
            let document = Document::parse(text("Content")).map_err(|error| {
                wrong("AutomationDefinitionNotFoundException", format!("{name}: {error}"))
            })?;
            Ok(Stored {
                name: text("Name").to_owned(),
                version: text("DocumentVersion").to_owned(),
                document: Arc::new(document),
            })
        })
    }
}

/// One line on standard error for each step that begins or ends.
struct Progress(Bell);

impl Observer for Progress {
    fn execution_changed(&self, execution: &Execution) {
        say(format_args!("{}{} {}", indent(execution), execution.document_name, execution.status.as_str()));
    }

    fn step_changed(&self, execution: &Execution, step: &StepExecution) {
        if step.status == Status::Pending {
            return;
        }
        self.0.step_changed(execution, step);
        let why = step.failure_message.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        let (indent, status) = (indent(execution), step.status.as_str());
        say(format_args!("{indent}  {status:12}{} ({}){why}", step.name, step.action));
    }
}

fn indent(execution: &Execution) -> &'static str {
    if execution.parent_id.is_some() { "    " } else { "" }
}
