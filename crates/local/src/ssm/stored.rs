//! A document as Systems Manager keeps it: versions, of which one is the default.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use plumb_automation::{Document, document::AttachedFile};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::fetched;
use crate::{members::text, service::AwsError};

/// A document with all its versions.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) owner: String,
    pub(super) target_type: Option<String>,
    pub(super) tags: Value,
    pub(super) default_version: u64,
    /// In order; the last is `$LATEST`. Never empty.
    pub(super) versions: Vec<Version>,
    /// The accounts it is shared with; `all` for everybody.
    pub(super) shared_with: BTreeSet<String>,
}

/// One version of a document.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) number: u64,
    pub(super) name: Option<String>,
    pub(super) display_name: Option<String>,
    pub(super) format: Format,
    pub(super) content: String,
    pub(super) created: Timestamp,
    pub(super) schema: String,
    pub(super) description: Option<String>,
    /// The files attached to it: `{"Name", "Sha256", "Size"}` each.
    pub(super) attachments: Vec<Value>,
    /// What an Automation document says; nothing for other types, which are kept but not read.
    pub(super) document: Option<Arc<Document>>,
}

/// `DocumentFormat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Yaml,
    Text,
}

impl Format {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Json => "JSON",
            Self::Yaml => "YAML",
            Self::Text => "TEXT",
        }
    }

    /// Reads the member; JSON if there is none.
    pub(super) fn parse(text: Option<&str>) -> Result<Self, AwsError> {
        match text {
            None | Some("JSON") => Ok(Self::Json),
            Some("YAML") => Ok(Self::Yaml),
            Some("TEXT") => Ok(Self::Text),
            Some(other) => Err(AwsError::client(
                "ValidationException",
                format!("`DocumentFormat` is `{other}`; it must be one of JSON, YAML, TEXT"),
            )),
        }
    }
}

/// What a new version is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draft<'a> {
    /// `DocumentType`, if it was given or is known already.
    pub(super) kind: Option<&'a str>,
    pub(super) format: Format,
    pub(super) content: &'a str,
    pub(super) version_name: Option<&'a str>,
    pub(super) display_name: Option<&'a str>,
    /// The files to attach, as they were fetched.
    pub(super) attachments: &'a [Value],
}

const LARGEST: usize = 64 * 1024;

impl Version {
    /// Reads a draft; gives the version and the document's type.
    pub(super) fn read(draft: Draft<'_>, number: u64, now: Timestamp) -> Result<(Self, String), AwsError> {
        let Draft { kind, format, content, version_name, display_name, attachments } = draft;
        if content.len() > LARGEST {
            return Err(AwsError::client(
                "MaxDocumentSizeExceeded",
                format!("the document has {} bytes; it may have {LARGEST}", content.len()),
            ));
        }
        if content.trim().is_empty() {
            return Err(invalid("the document is empty"));
        }
        let outline = outline(format, content)?;
        let schema = outline.get("schemaVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
        let kind = kind.unwrap_or(if schema == "0.3" { "Automation" } else { "Command" }).to_owned();
        let document = if kind == "Automation" {
            let mut document = Document::parse(content).map_err(|error| invalid(error.to_string()))?;
            document.accepted().map_err(|error| invalid(error.to_string()))?;
            attach(&mut document, attachments)?;
            Some(Arc::new(document))
        } else {
            None
        };
        let version = Self {
            number,
            name: version_name.map(str::to_owned),
            display_name: display_name.map(str::to_owned),
            format,
            content: content.to_owned(),
            created: now,
            schema,
            description: outline.get("description").and_then(Value::as_str).map(str::to_owned),
            attachments: attachments.to_vec(),
            document,
        };
        Ok((version, kind))
    }

    /// The content in a format. Every JSON text is YAML too, so only YAML to JSON changes anything.
    pub(super) fn content_as(&self, wanted: Option<Format>) -> Result<(String, Format), AwsError> {
        match (self.format, wanted) {
            (Format::Yaml, Some(Format::Json)) => {
                let text = serde_json::to_string_pretty(&outline(Format::Yaml, &self.content)?);
                Ok((text.map_err(|error| AwsError::internal(error.to_string()))?, Format::Json))
            }
            (Format::Json, Some(Format::Yaml)) => Ok((self.content.clone(), Format::Yaml)),
            (format, _) => Ok((self.content.clone(), format)),
        }
    }

    fn hash(&self) -> String {
        Sha256::digest(self.content.as_bytes())
            .iter()
            .fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }
}

impl Stored {
    /// The newest version.
    pub(super) fn latest(&self) -> u64 {
        self.versions.last().map_or(1, |version| version.number)
    }

    /// `$DEFAULT` (or nothing), `$LATEST` or a number.
    pub(super) fn version(&self, asked: Option<&str>) -> Option<&Version> {
        let number = match asked {
            None | Some("" | "$DEFAULT") => self.default_version,
            Some("$LATEST") => self.latest(),
            Some(number) => number.parse().ok()?,
        };
        self.versions.iter().find(|version| version.number == number)
    }

    /// The API's `DocumentDescription` of one version.
    pub(super) fn description(&self, version: &Version) -> Value {
        let mut members = self.identifier_members(version);
        members.insert("Hash".to_owned(), json!(version.hash()));
        members.insert("HashType".to_owned(), json!("Sha256"));
        members.insert("Status".to_owned(), json!("Active"));
        members.insert("LatestVersion".to_owned(), json!(self.latest().to_string()));
        members.insert("DefaultVersion".to_owned(), json!(self.default_version.to_string()));
        members.insert("Parameters".to_owned(), parameters(version));
        let attached = version.attachments.iter().map(|file| fetched::shown(file, false)).collect();
        members.insert("AttachmentsInformation".to_owned(), Value::Array(attached));
        if let Some(description) = &version.description {
            members.insert("Description".to_owned(), json!(description));
        }
        Value::Object(members)
    }

    /// The API's `DocumentIdentifier`.
    pub(super) fn identifier(&self, version: &Version) -> Value {
        Value::Object(self.identifier_members(version))
    }

    fn identifier_members(&self, version: &Version) -> Map<String, Value> {
        let mut members = Map::from_iter([
            ("Name".to_owned(), json!(self.name)),
            ("Owner".to_owned(), json!(self.owner)),
            ("CreatedDate".to_owned(), epoch(version.created)),
            ("DocumentVersion".to_owned(), json!(version.number.to_string())),
            ("DocumentType".to_owned(), json!(self.kind)),
            ("DocumentFormat".to_owned(), json!(version.format.as_str())),
            ("SchemaVersion".to_owned(), json!(version.schema)),
            ("PlatformTypes".to_owned(), json!(["Windows", "Linux", "MacOS"])),
            ("Tags".to_owned(), self.tags.clone()),
        ]);
        for (name, value) in [
            ("VersionName", &version.name),
            ("DisplayName", &version.display_name),
            ("TargetType", &self.target_type),
        ] {
            if let Some(value) = value {
                members.insert(name.to_owned(), json!(value));
            }
        }
        members
    }
}

/// A time in JSON 1.1: seconds since 1970, to the millisecond.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit a float exactly")]
pub(super) fn epoch(time: Timestamp) -> Value {
    json!(time.as_millisecond() as f64 / 1000.0)
}

/// Attaches files: each must have the checksum that the document states for it, if it states one.
fn attach(document: &mut Document, attachments: &[Value]) -> Result<(), AwsError> {
    for file in attachments {
        let (name, sha256) = (text(file, "Name").unwrap_or_default(), text(file, "Sha256"));
        let attached = document.files.entry(name.to_owned()).or_insert(AttachedFile { sha256: None });
        match (&attached.sha256, sha256) {
            (Some(stated), Some(found)) if !stated.eq_ignore_ascii_case(found) => {
                return Err(invalid(format!(
                    "the attachment `{name}` has the SHA-256 {found}, and the document states {stated}"
                )));
            }
            _ => attached.sha256 = sha256.map(str::to_owned),
        }
    }
    Ok(())
}

fn outline(format: Format, content: &str) -> Result<Value, AwsError> {
    match format {
        Format::Json => {
            serde_json::from_str(content).map_err(|error| invalid(format!("it is not JSON: {error}")))
        }
        Format::Yaml => {
            serde_saphyr::from_str(content).map_err(|error| invalid(format!("it is not YAML: {error}")))
        }
        Format::Text => Ok(Value::Null),
    }
}

fn parameters(version: &Version) -> Value {
    let Some(document) = &version.document else { return json!([]) };
    let parameters = document.parameters.iter().map(|(name, parameter)| {
        let list = matches!(parameter.kind.value, plumb_automation::document::ValueType::StringList);
        let mut members = Map::from_iter([
            ("Name".to_owned(), json!(name)),
            ("Type".to_owned(), json!(if list { "StringList" } else { "String" })),
        ]);
        if let Some(description) = &parameter.description {
            members.insert("Description".to_owned(), json!(description));
        }
        if let Some(default) = &parameter.default {
            let text = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
            members.insert("DefaultValue".to_owned(), json!(text));
        }
        Value::Object(members)
    });
    Value::Array(parameters.collect())
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::client("InvalidDocumentContent", message)
}
