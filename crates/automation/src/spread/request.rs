//! Reading the request: the members of `StartAutomationExecution`, which are inputs of `aws:executeAutomation` too.

use serde_json::{Map, Value};

use super::{Counters, Share, Spread, SpreadError};
use crate::{
    choices, document::Document, parameters::ParameterError, parameters::WireParameters, parameters::text,
};

const MEMBERS: [&str; 3] = ["Targets", "TargetMaps", "TargetLocations"];

impl Spread {
    /// Reads a request; nothing if it starts one execution only.
    ///
    /// # Errors
    /// If the members don't go together, or the document has no parameter for the targets.
    pub fn read(request: &Map<String, Value>, document: &Document) -> Result<Option<Self>, SpreadError> {
        let list = |name: &str| match request.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items.clone()),
            Some(_) => Err(SpreadError::target(format!("{name} must be a list"))),
        };
        let [targets, target_maps, target_locations] =
            [list(MEMBERS[0])?, list(MEMBERS[1])?, list(MEMBERS[2])?];
        let named =
            request.get("TargetParameterName").and_then(Value::as_str).filter(|name| !name.is_empty());
        if targets.is_empty() && target_maps.is_empty() && target_locations.is_empty() {
            return match named {
                None => Ok(None),
                Some(_) => Err(SpreadError::target("TargetParameterName is given, but no Targets")),
            };
        }
        let spread = Self {
            target_parameter: named.map(str::to_owned),
            targets,
            target_maps,
            target_locations,
            max_concurrency: share(request, "MaxConcurrency")?.unwrap_or(choices::MAX_CONCURRENCY),
            max_errors: share(request, "MaxErrors")?.unwrap_or(choices::MAX_ERRORS),
            resolved: Vec::new(),
            counters: Counters::default(),
        };
        spread.check(document)?;
        Ok(Some(spread))
    }

    fn check(&self, document: &Document) -> Result<(), SpreadError> {
        if self.targets.len() > 1 {
            return Err(SpreadError::target("Targets may have one item"));
        }
        if !self.targets.is_empty() && !self.target_maps.is_empty() {
            return Err(SpreadError::target("Targets and TargetMaps don't go together; give one"));
        }
        if self.target_maps.len() > choices::MAX_TARGET_MAPS {
            return Err(SpreadError::target("TargetMaps may have 300 items"));
        }
        let locations = self.target_locations.len();
        if locations > choices::MAX_TARGET_LOCATIONS {
            return Err(SpreadError::target("TargetLocations may have 100 items"));
        }
        if let Some(target) = self.targets.first() {
            let key = target.get("Key").and_then(Value::as_str).unwrap_or_default();
            if !(key == "ParameterValues" || key == "ResourceGroup" || key.starts_with("tag:")) {
                return Err(SpreadError::target(format!(
                    "the key `{key}` is not one of ParameterValues, ResourceGroup and tag:NAME"
                )));
            }
            if self.target_parameter.is_none() {
                return Err(SpreadError::target("Targets need a TargetParameterName"));
            }
        }
        let unknown = self.own_parameters().into_iter().find(|name| !document.parameters.contains_key(name));
        match unknown {
            None => Ok(()),
            Some(name) => Err(SpreadError {
                code: ParameterError::CODE,
                message: format!("The document has no parameter {name} to take the targets"),
            }),
        }
    }

    /// The parameters that each execution is given for itself.
    pub fn own_parameters(&self) -> Vec<String> {
        let mapped = self.target_maps.iter().filter_map(Value::as_object).flat_map(Map::keys);
        let mut names: Vec<String> = self.target_parameter.iter().chain(mapped).cloned().collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

pub(super) fn share(request: &Map<String, Value>, name: &str) -> Result<Option<Share>, SpreadError> {
    match request.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => Share::parse(text(value).trim()).map(Some).ok_or_else(|| {
            SpreadError::target(format!("{name} is {value}; it may be a number or a percentage such as 10%"))
        }),
    }
}

/// A target map as parameters.
pub(super) fn parameters(map: &Value) -> WireParameters {
    map.as_object()
        .into_iter()
        .flatten()
        .map(|(name, values)| {
            let texts = match values {
                Value::Array(items) => items.iter().map(text).collect(),
                one => vec![text(one)],
            };
            (name.clone(), texts)
        })
        .collect()
}
