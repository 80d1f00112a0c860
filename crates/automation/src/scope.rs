//! What references refer to while an execution runs.

use std::collections::{BTreeMap, HashMap};

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value};

use crate::{
    execution::Environment,
    parameters::Bound,
    template::{Reference, Resolve, TemplateError},
};

/// The values that exist at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub(crate) execution_id: String,
    pub(crate) environment: Environment,
    pub(crate) parameters: Bound,
    pub(crate) variables: BTreeMap<String, Value>,
    /// The outputs of the steps that succeeded.
    pub(crate) outputs: HashMap<String, BTreeMap<String, Value>>,
    /// What `global:DATE` and `global:DATE_TIME` say: the time at which the step runs.
    pub(crate) now: Timestamp,
}

impl Scope {
    fn global(&self, name: &str) -> Option<String> {
        let zoned = || self.now.to_zoned(TimeZone::UTC);
        Some(match name {
            "ACCOUNT_ID" => self.environment.account.clone(),
            "REGION" => self.environment.region.clone(),
            "AWS_PARTITION" => self.environment.partition.clone(),
            "DATE" => zoned().strftime("%Y-%m-%d").to_string(),
            "DATE_TIME" => zoned().strftime("%Y-%m-%d_%H.%M.%S").to_string(),
            _ => return None,
        })
    }

    /// The second argument of a script's handler.
    pub(crate) fn script_context(&self) -> Map<String, Value> {
        ["ACCOUNT_ID", "REGION", "AWS_PARTITION", "DATE", "DATE_TIME"]
            .into_iter()
            .filter_map(|name| Some((format!("global:{name}"), self.global(name)?.into())))
            .chain([("automation:EXECUTION_ID".to_owned(), self.execution_id.clone().into())])
            .collect()
    }
}

impl Resolve for Scope {
    fn resolve(&self, reference: &Reference) -> Result<Value, TemplateError> {
        let unresolvable = |why| TemplateError::Unresolvable(reference.clone(), why);
        match reference {
            Reference::Parameter(name) => self
                .parameters
                .get(name)
                .cloned()
                .ok_or_else(|| unresolvable("the document has no such parameter")),
            Reference::Variable(name) => self
                .variables
                .get(name)
                .cloned()
                .ok_or_else(|| unresolvable("the document has no such variable")),
            Reference::Global(name) => self
                .global(name)
                .map(Value::String)
                .ok_or_else(|| unresolvable("there is no such global variable")),
            Reference::Automation(name) if name == "EXECUTION_ID" => Ok(self.execution_id.clone().into()),
            Reference::Automation(_) => Err(unresolvable("there is no such automation variable")),
            Reference::Output { step, output } => self
                .outputs
                .get(step)
                .ok_or_else(|| unresolvable("the step has not been executed successfully"))?
                .get(output)
                .cloned()
                .ok_or_else(|| unresolvable("the step has no such output")),
            Reference::Ssm(_) => Err(unresolvable("Parameter Store may be read in defaults only")),
        }
    }
}
