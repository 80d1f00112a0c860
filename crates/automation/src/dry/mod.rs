//! A dry run: walks every way through a document without changing anything, and without an account if there is none.
//!
//! Parameters are checked and references replaced as in a real run. What only a real run knows (answers of APIs, results
//! of scripts, parameters that weren't given) stands for any value: a branch that depends on one is followed to every
//! step it may choose, in order. Calls are compared with botocore's models, and what is selected from their answers with
//! the shape of the answer. Where something can be asked, calls that only read are made as long as nothing before them
//! would have changed anything; what they answer decides branches and assertions.

mod api;
mod known;
mod report;
mod shapes;
mod steps;
mod unknown;
mod walk;

use std::{collections::BTreeMap, fmt, sync::Arc};

use jiff::Timestamp;
use serde_json::{Map, Value};

pub use report::{DryCall, DryStep, End, Problem, Report, ShownParameter, Source, Verdict};

use crate::{
    document::{Document, ValueType},
    execution::Environment,
    lint::Models,
    parameters::{Bound, ParameterError, WireParameters},
    ports::{ApiCall, AwsApi, Documents, Origin},
    scope::Scope,
    template::{Reference, references, substitute},
};

/// What a dry run is to be of, and what it may ask.
#[derive(Clone)]
pub struct DryRun<'r> {
    /// The document.
    pub document: &'r Document,
    /// Parameters; those that are required and missing stand for any value.
    pub given: WireParameters,
    /// What `global:…` says.
    pub environment: Environment,
    /// The time that `global:DATE` says.
    pub now: Timestamp,
    /// The models of the APIs in [`crate::lint::api_calls`]; without them calls aren't checked.
    pub models: Option<&'r Models>,
    /// Whom to ask what is there. Only calls whose name says that they read are made.
    pub reader: Option<Arc<dyn AwsApi>>,
    /// Where to look for the documents that `aws:executeAutomation` names.
    pub documents: Option<Arc<dyn Documents>>,
}

impl fmt::Debug for DryRun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DryRun")
    }
}

/// Walks a document.
///
/// # Errors
/// If a given parameter doesn't fit the document.
pub async fn dry_run(plan: DryRun<'_>) -> Result<Report, ParameterError> {
    let (scope, parameters) = plan.scope().await?;
    let role = plan.document.assume_role.as_ref().map(|role| substitute(&role.clone().into(), &scope));
    let mut walk = walk::Walk::new(&plan);
    let role = role.map(|role| match role {
        Ok(role) => role,
        Err(error) => {
            walk.problems.push(Problem { fails: true, message: format!("`assumeRole`: {error}") });
            Value::Null
        }
    });
    walk.document(walk::State::new(scope)).await;
    let role = role.as_ref().and_then(Value::as_str).map(unknown::shown_text).filter(|role| !role.is_empty());
    Ok(walk.report(parameters, role))
}

/// Whether an operation may change something, by its name.
pub(crate) fn may_change(api: &str) -> bool {
    const HARMLESS: [&str; 9] =
        ["Assume", "Check", "Decode", "Filter", "Preview", "Select", "Simulate", "TransactGet", "Validate"];
    !only_reads(api) && !HARMLESS.iter().any(|start| api.starts_with(start))
}

/// Whether an operation's name says that it only reads. Stricter than need be: what isn't sure isn't made.
pub(crate) fn only_reads(api: &str) -> bool {
    const READS: [&str; 9] =
        ["Get", "List", "Describe", "Head", "BatchGet", "Lookup", "Search", "Scan", "Query"];
    READS.iter().any(|start| {
        api.strip_prefix(start).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_lowercase()))
    })
}

impl DryRun<'_> {
    /// What is known before the first step.
    async fn scope(&self) -> Result<(Scope, Vec<ShownParameter>), ParameterError> {
        let missing: Vec<String> = self
            .document
            .parameters
            .iter()
            .filter(|(name, parameter)| parameter.default.is_none() && !self.given.contains_key(*name))
            .map(|(name, _)| name.clone())
            .collect();
        let mut bound = self.document.bind_but(&self.given, &missing)?;
        for name in &missing {
            let kind = self.document.parameters.get(name).map(|parameter| parameter.kind.value);
            bound.set(name, unknown::value(name, kind));
        }
        let mut scope = Scope {
            execution_id: "00000000-0000-0000-0000-000000000000".to_owned(),
            environment: self.environment.clone(),
            parameters: bound,
            variables: BTreeMap::new(),
            outputs: std::collections::HashMap::new(),
            now: self.now,
        };
        for (name, parameter) in &self.document.parameters {
            let bound = scope.parameters.get(name).filter(|_| parameter.default.is_some()).cloned();
            if let Some(default) = bound.filter(|_| !self.given.contains_key(name)) {
                let value = self.filled(&default, parameter.kind.value, &scope).await;
                scope.parameters.set(name, value);
            }
        }
        let changing = if steps::goes_back(&self.document.steps) {
            steps::updated(&self.document.steps)
        } else {
            Vec::new()
        };
        for (name, variable) in &self.document.variables {
            let value = match &variable.default {
                _ if changing.contains(name) => {
                    unknown::value(&format!("variable:{name}"), Some(variable.kind))
                }
                Some(default) => self.filled(default, variable.kind, &scope).await,
                None => crate::choices::missing(variable.kind),
            };
            scope.variables.insert(name.clone(), value);
        }
        let shown = self.shown(&scope.parameters, &missing);
        Ok((scope, shown))
    }

    fn shown(&self, bound: &Bound, missing: &[String]) -> Vec<ShownParameter> {
        let from = |name: &String| match () {
            () if self.given.contains_key(name) => Source::Given,
            () if missing.contains(name) => Source::Missing,
            () => Source::Default,
        };
        bound
            .values()
            .iter()
            .map(|(name, value)| ShownParameter {
                name: name.clone(),
                value: unknown::shown(value),
                from: from(name),
            })
            .collect()
    }

    /// A default with its references replaced. What can't be read stands for any value.
    async fn filled(&self, default: &Value, kind: ValueType, scope: &Scope) -> Value {
        for reference in references(default) {
            if let Reference::Ssm(path) = &reference {
                return match self.stored(path).await {
                    Some(value) if kind == ValueType::StringList => {
                        value.split(',').map(Value::from).collect()
                    }
                    Some(value) => value.into(),
                    None => unknown::value(&reference.to_string(), Some(kind)),
                };
            }
        }
        substitute(default, scope).unwrap_or_else(|_| unknown::value(&default.to_string(), Some(kind)))
    }

    /// A parameter of Parameter Store, if there is somebody to ask and it isn't a secret.
    async fn stored(&self, path: &str) -> Option<String> {
        let call = ApiCall {
            service: "ssm".to_owned(),
            api: "GetParameter".to_owned(),
            parameters: Map::from_iter([("Name".to_owned(), path.into())]),
            region: self.environment.region.clone(),
            assume_role: None,
            origin: origin(""),
        };
        let answer = self.reader.as_ref()?.call(call).await.ok()?;
        let parameter = answer.get("Parameter")?;
        if parameter.get("Type").and_then(Value::as_str) == Some("SecureString") {
            return None;
        }
        parameter.get("Value").and_then(Value::as_str).map(str::to_owned)
    }
}

fn origin(step: &str) -> Origin {
    Origin { execution_id: String::new(), document: "dry-run".to_owned(), step: step.to_owned() }
}
