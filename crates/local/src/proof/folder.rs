//! A control's folder as far as its proof needs it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use plumb_automation::{Document, iam::Policy};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::ProofError;

/// A control with its documents and its proof.
#[derive(Debug, Clone)]
pub struct ControlFolder {
    /// The control's id, such as `bucket-public-access`.
    pub id: String,
    /// The service's folder, such as `s3`.
    pub service: String,
    /// The `CloudFormation` type of its resources.
    pub resource_type: String,
    /// The name that AWS gives the managed Config rule that Plumb's stack creates for it, if it creates one.
    pub config_rule: Option<String>,
    /// The runbook's parameters: constants, or `{{resource.id}}` and the like.
    pub parameters: BTreeMap<String, String>,
    /// The IAM actions that the control's role has.
    pub actions: BTreeSet<String>,
    /// `remediate.yaml`.
    pub remediate: String,
    /// `rollback.yaml`.
    pub rollback: String,
    /// `proof.yaml`.
    pub proof: Proof,
}

/// `proof.yaml`; the module's documentation says what each part means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The AWS Config resource id of what `violate` makes.
    pub resource: String,
    /// Makes a violating resource.
    pub violate: Vec<Step>,
    /// Other ways to violate, each proven like the first.
    #[serde(default)]
    pub variants: Vec<Variant>,
    /// Violations that the runbook has to leave to a person.
    #[serde(default)]
    pub refuses: Vec<Refusal>,
    /// Resources that don't violate.
    #[serde(default)]
    pub unconcerned: Vec<Variant>,
    /// Makes a neighbour of the violating resource.
    #[serde(default)]
    pub bystander: Vec<Step>,
    /// What is compared.
    pub state: States,
    /// What is true after remediation, and was not before.
    pub fixed: Vec<Look>,
    /// What is the same before and after remediation.
    #[serde(default)]
    pub kept: Vec<Look>,
    /// Removes what `violate` made; empty if it can't be gone.
    #[serde(default)]
    pub remove: Vec<Step>,
}

/// What the state of the two consists of.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct States {
    /// Of the violating resource.
    pub subject: Vec<Look>,
    /// Of the neighbour.
    #[serde(default)]
    pub bystander: Vec<Look>,
}

/// A resource made in another way.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// What is different about it.
    pub name: String,
    /// Makes it, in place of `violate`.
    pub make: Vec<Step>,
}

/// A resource that the runbook must not touch, and says why.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// What is different about it.
    pub name: String,
    /// Makes it, in place of `violate`.
    pub make: Vec<Step>,
    /// A part of the failure message.
    pub because: String,
    /// Its state, where `state.subject` does not fit.
    pub state: Option<Vec<Look>>,
}

/// Sets variables, or makes a call.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Variables to set, from variables that are set already.
    #[serde(default)]
    pub set: Map<String, Value>,
    /// boto3 service and API, such as `s3:CreateBucket`.
    pub call: Option<String>,
    /// The call's parameters.
    #[serde(default)]
    pub with: Map<String, Value>,
    /// The call's Region, if not the usual one.
    pub region: Option<String>,
    /// How many days ago the call was made: what it makes is as old as that.
    #[serde(default)]
    pub days_ago: u32,
    /// Variables to take from the answer: name to `JSONPath`.
    #[serde(default)]
    pub capture: BTreeMap<String, String>,
}

/// A call that only reads, and what counts of its answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// boto3 service and API.
    pub call: String,
    /// The call's parameters.
    #[serde(default)]
    pub with: Map<String, Value>,
    /// The call's Region, if not the usual one.
    pub region: Option<String>,
    /// Error codes that mean "not there", which is an answer too.
    #[serde(default)]
    pub absent: Vec<String>,
    /// Where the answer holds JSON as text (`$.Policy`), which is then read as JSON.
    #[serde(default)]
    pub json: Vec<String>,
    /// The part that counts (`JSONPath`).
    pub select: Option<String>,
    /// Member names that don't count, wherever they are.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// `JSONPath` to expected value.
    #[serde(default)]
    pub expect: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Definition {
    id: String,
    resource_type: String,
    detection: Detection,
    runbook: Runbook,
    #[serde(default)]
    iam_extra: Vec<Permission>,
}

#[derive(Deserialize)]
struct Detection {
    #[serde(default)]
    config_rules: Vec<ConfigRule>,
}

#[derive(Deserialize)]
struct ConfigRule {
    name: String,
    deploy: bool,
}

#[derive(Deserialize)]
struct Runbook {
    #[serde(default)]
    parameters: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Permission {
    action: String,
}

/// What the role allows: what is derived from both documents, and what no call of theirs names.
fn actions(remediate: &str, rollback: &str, extra: Vec<Permission>) -> BTreeSet<String> {
    let documents: Vec<_> =
        [remediate, rollback].into_iter().filter_map(|text| Document::parse(text).ok()).collect();
    let derived = Policy::of(&documents).needs.into_iter().map(|need| need.action);
    derived.chain(extra.into_iter().map(|permission| permission.action)).collect()
}

impl ControlFolder {
    /// Reads one control's folder.
    ///
    /// # Errors
    /// When a file is missing or says something that a proof can't use.
    pub fn read(folder: &Path) -> Result<Self, ProofError> {
        let definition: Definition = yaml(&folder.join("control.yaml"))?;
        let proof: Proof = yaml(&folder.join("proof.yaml"))?;
        let parameters = definition
            .runbook
            .parameters
            .into_iter()
            .map(|(name, value)| (name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
            .collect();
        let (remediate, rollback) =
            (text(&folder.join("remediate.yaml"))?, text(&folder.join("rollback.yaml"))?);
        let service = folder.parent().and_then(Path::file_name).unwrap_or_default();
        let control = Self {
            id: definition.id,
            service: service.to_string_lossy().into_owned(),
            resource_type: definition.resource_type,
            config_rule: definition
                .detection
                .config_rules
                .into_iter()
                .find(|rule| rule.deploy)
                .map(|rule| rule.name),
            parameters,
            actions: actions(&remediate, &rollback, definition.iam_extra),
            remediate,
            rollback,
            proof,
        };
        control.check().map_err(|what| ProofError::Unreadable { file: folder.join("proof.yaml"), what })?;
        Ok(control)
    }

    /// Reads every `controls/<service>/<id>`, sorted.
    ///
    /// # Errors
    /// As [`ControlFolder::read`], for the first folder that fails; also when there is none.
    pub fn read_all(controls: &Path) -> Result<Vec<Self>, ProofError> {
        let mut folders = Vec::new();
        for service in entries(controls)? {
            folders.extend(
                entries(&service)?.into_iter().filter(|folder| folder.join("control.yaml").is_file()),
            );
        }
        if folders.is_empty() {
            let what = "there is no control in it".to_owned();
            return Err(ProofError::Unreadable { file: controls.to_owned(), what });
        }
        folders.iter().map(|folder| Self::read(folder)).collect()
    }

    /// What the types can't say.
    fn check(&self) -> Result<(), String> {
        let proof = &self.proof;
        let steps = proof
            .violate
            .iter()
            .chain(&proof.bystander)
            .chain(&proof.remove)
            .chain(proof.variants.iter().chain(&proof.unconcerned).flat_map(|variant| &variant.make))
            .chain(proof.refuses.iter().flat_map(|refusal| &refusal.make));
        for step in steps {
            if step.call.is_none() && step.set.is_empty() {
                return Err("a step needs `call` or `set`".to_owned());
            }
        }
        if proof.state.subject.is_empty() {
            return Err("`state.subject` is empty, so a rollback would prove nothing".to_owned());
        }
        if proof.fixed.is_empty() || proof.fixed.iter().any(|look| look.expect.is_empty()) {
            return Err("`fixed` has to expect something of every call".to_owned());
        }
        let compared = proof.state.subject.iter().chain(&proof.state.bystander).chain(&proof.kept);
        if compared
            .chain(proof.refuses.iter().flat_map(|refusal| refusal.state.iter().flatten()))
            .any(|look| !look.expect.is_empty())
        {
            return Err(
                "`expect` belongs under `fixed`; `state` and `kept` are compared with themselves".to_owned()
            );
        }
        if proof.bystander.is_empty() != proof.state.bystander.is_empty() {
            return Err("`bystander` and `state.bystander` go together".to_owned());
        }
        Ok(())
    }
}

fn entries(folder: &Path) -> Result<Vec<std::path::PathBuf>, ProofError> {
    let unreadable =
        |error: std::io::Error| ProofError::Unreadable { file: folder.to_owned(), what: error.to_string() };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn text(file: &Path) -> Result<String, ProofError> {
    fs::read_to_string(file)
        .map_err(|error| ProofError::Unreadable { file: file.to_owned(), what: error.to_string() })
}

fn yaml<T: DeserializeOwned>(file: &Path) -> Result<T, ProofError> {
    serde_saphyr::from_str(&text(file)?)
        .map_err(|error| ProofError::Unreadable { file: file.to_owned(), what: error.to_string() })
}
