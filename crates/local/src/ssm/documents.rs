//! The operations on documents.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    fetched,
    library::{Library, Shelf, short_name},
    page, required,
    stored::{Draft, Format, Stored, Version, epoch},
};
use crate::{
    members::{items, text, texts},
    service::{AwsError, Request},
};

type Operation = fn(&Library, &Request) -> Result<Value, AwsError>;

const MOST_DOCUMENTS: usize = 500;
const MOST_VERSIONS: usize = 1000;

/// The operation of that name.
pub(super) fn find(name: &str) -> Option<Operation> {
    Some(match name {
        "CreateDocument" => create,
        "UpdateDocument" => update,
        "UpdateDocumentDefaultVersion" => set_default,
        "GetDocument" => get,
        "DescribeDocument" => describe,
        "ListDocuments" => list,
        "ListDocumentVersions" => list_versions,
        "DeleteDocument" => delete,
        "ModifyDocumentPermission" => share,
        "DescribeDocumentPermission" => shares,
        _ => return None,
    })
}

fn create(library: &Library, request: &Request) -> Result<Value, AwsError> {
    let name = required(request, "Name")?;
    check_name(name)?;
    let (version, kind) =
        Version::read(draft(request, text(&request.body, "DocumentType"))?, 1, Timestamp::now())?;
    library.with(&request.region, |shelf| {
        if shelf.contains_key(name) {
            let message = format!("Document with name {name} already exists.");
            return Err(AwsError::client("DocumentAlreadyExists", message));
        }
        if shelf.len() >= MOST_DOCUMENTS {
            let message = format!("there are {MOST_DOCUMENTS} documents already; delete one first");
            return Err(AwsError::client("DocumentLimitExceeded", message));
        }
        let stored = Stored {
            name: name.to_owned(),
            kind,
            owner: request.account.clone(),
            target_type: text(&request.body, "TargetType").map(str::to_owned),
            tags: Value::Array(items(&request.body, "Tags").cloned().collect()),
            default_version: 1,
            versions: vec![version.clone()],
            shared_with: BTreeSet::new(),
        };
        let answer = json!({"DocumentDescription": stored.description(&version)});
        shelf.insert(name.to_owned(), stored);
        Ok(answer)
    })
}

fn update(library: &Library, request: &Request) -> Result<Value, AwsError> {
    let name = required(request, "Name")?;
    library.with(&request.region, |shelf| {
        let stored = owned(shelf, name)?;
        let latest = stored.latest();
        let asked = text(&request.body, "DocumentVersion").unwrap_or("$LATEST");
        if asked != "$LATEST" && asked != latest.to_string() {
            return Err(AwsError::client(
                "InvalidDocumentVersion",
                format!("only the latest version ({latest}) can be updated, not `{asked}`; give `$LATEST`"),
            ));
        }
        let (version, _) =
            Version::read(draft(request, Some(stored.kind.as_str()))?, latest + 1, Timestamp::now())?;
        if stored.versions.last().is_some_and(|last| last.content == version.content) {
            return Err(AwsError::client(
                "DuplicateDocumentContent",
                "The content of the document matches the latest version; change it or leave it",
            ));
        }
        if version.name.is_some() && stored.versions.iter().any(|other| other.name == version.name) {
            return Err(AwsError::client(
                "DuplicateDocumentVersionName",
                "the version name is taken; use another",
            ));
        }
        if stored.versions.len() >= MOST_VERSIONS {
            return Err(AwsError::client("DocumentVersionLimitExceeded", "delete a version first"));
        }
        if let Some(target) = text(&request.body, "TargetType") {
            stored.target_type = Some(target.to_owned());
        }
        stored.versions.push(version.clone());
        Ok(json!({"DocumentDescription": stored.description(&version)}))
    })
}

fn set_default(library: &Library, request: &Request) -> Result<Value, AwsError> {
    let name = required(request, "Name")?;
    let asked = required(request, "DocumentVersion")?;
    library.with(&request.region, |shelf| {
        let stored = owned(shelf, name)?;
        let version = stored.version(Some(asked)).ok_or_else(|| no_version(asked))?;
        let (number, version_name) = (version.number, version.name.clone());
        stored.default_version = number;
        let mut description = Map::from_iter([
            ("Name".to_owned(), json!(name)),
            ("DefaultVersion".to_owned(), json!(number.to_string())),
        ]);
        if let Some(version_name) = version_name {
            description.insert("DefaultVersionName".to_owned(), json!(version_name));
        }
        Ok(json!({"Description": description}))
    })
}

fn get(library: &Library, request: &Request) -> Result<Value, AwsError> {
    let wanted =
        text(&request.body, "DocumentFormat").map(|format| Format::parse(Some(format))).transpose()?;
    with_version(library, request, |stored, version| {
        let (content, format) = version.content_as(wanted)?;
        let mut answer = Map::from_iter([
            ("Name".to_owned(), json!(stored.name)),
            ("CreatedDate".to_owned(), epoch(version.created)),
            ("DocumentVersion".to_owned(), json!(version.number.to_string())),
            ("Status".to_owned(), json!("Active")),
            ("Content".to_owned(), json!(content)),
            ("DocumentType".to_owned(), json!(stored.kind)),
            ("DocumentFormat".to_owned(), json!(format.as_str())),
            (
                "AttachmentsContent".to_owned(),
                version.attachments.iter().map(|file| fetched::shown(file, true)).collect(),
            ),
        ]);
        if let Some(name) = &version.name {
            answer.insert("VersionName".to_owned(), json!(name));
        }
        Ok(Value::Object(answer))
    })
}

fn describe(library: &Library, request: &Request) -> Result<Value, AwsError> {
    with_version(library, request, |stored, version| Ok(json!({"Document": stored.description(version)})))
}

fn list(library: &Library, request: &Request) -> Result<Value, AwsError> {
    let mut filters: Vec<(String, Vec<String>)> = Vec::new();
    for filter in items(&request.body, "Filters") {
        let key = text(filter, "Key").unwrap_or_default().to_owned();
        filters.push((key, texts(filter, "Values").map(str::to_owned).collect()));
    }
    for filter in items(&request.body, "DocumentFilterList") {
        let key = text(filter, "key").unwrap_or_default().to_owned();
        filters.push((key, text(filter, "value").map(str::to_owned).into_iter().collect()));
    }
    if let Some((key, _)) = filters.iter().find(|(key, _)| !is_filter(key)) {
        return Err(AwsError::client(
            "InvalidFilterKey",
            format!("`{key}` is not a key to filter documents by"),
        ));
    }
    let found = library.with(&request.region, |shelf| {
        shelf
            .values()
            .filter(|stored| filters.iter().all(|(key, values)| passes(stored, key, values)))
            .filter_map(|stored| Some((stored.name.clone(), stored.identifier(stored.version(None)?))))
            .collect()
    });
    page("DocumentIdentifiers", found, request, 50, 50)
}

fn is_filter(key: &str) -> bool {
    matches!(key, "Name" | "Owner" | "DocumentType" | "PlatformTypes" | "SearchKeyword" | "TargetType")
        || key.starts_with("tag:")
}

fn passes(stored: &Stored, key: &str, values: &[String]) -> bool {
    let any = |holds: &dyn Fn(&str) -> bool| values.iter().any(|value| holds(value));
    match key {
        "Name" => any(&|value| stored.name.starts_with(value)),
        "Owner" => any(&|value| matches!(value, "Self" | "All" | "Private") || value == stored.owner),
        "DocumentType" => any(&|value| stored.kind == value),
        "TargetType" => any(&|value| stored.target_type.as_deref() == Some(value)),
        "SearchKeyword" => any(&|value| stored.name.contains(value)),
        "PlatformTypes" => any(&|value| ["Windows", "Linux", "MacOS"].contains(&value)),
        tag => {
            let name = tag.trim_start_matches("tag:");
            let tags = stored.tags.as_array().into_iter().flatten();
            let mut tags = tags.filter(|tag| text(tag, "Key") == Some(name));
            tags.any(|tag| any(&|value| text(tag, "Value") == Some(value)))
        }
    }
}

fn list_versions(library: &Library, request: &Request) -> Result<Value, AwsError> {
    let name = required(request, "Name")?;
    let found = library.with(&request.region, |shelf| {
        let stored = owned(shelf, name)?;
        Ok(stored
            .versions
            .iter()
            .map(|version| {
                let mut members = Map::from_iter([
                    ("Name".to_owned(), json!(stored.name)),
                    ("DocumentVersion".to_owned(), json!(version.number.to_string())),
                    ("CreatedDate".to_owned(), epoch(version.created)),
                    ("IsDefaultVersion".to_owned(), json!(version.number == stored.default_version)),
                    ("DocumentFormat".to_owned(), json!(version.format.as_str())),
                    ("Status".to_owned(), json!("Active")),
                ]);
                if let Some(name) = &version.name {
                    members.insert("VersionName".to_owned(), json!(name));
                }
                // Newest first.
                (format!("{:020}", u64::MAX - version.number), Value::Object(members))
            })
            .collect())
    })?;
    page("DocumentVersions", found, request, 50, 50)
}

fn delete(library: &Library, request: &Request) -> Result<Value, AwsError> {
    let name = required(request, "Name")?;
    library.with(&request.region, |shelf| {
        let stored = owned(shelf, name)?;
        if !stored.shared_with.is_empty() {
            return Err(AwsError::client(
                "InvalidDocumentOperation",
                "the document is shared; take the accounts off with `ModifyDocumentPermission` first",
            ));
        }
        let Some(asked) = text(&request.body, "DocumentVersion") else {
            shelf.remove(short_name(name));
            return Ok(json!({}));
        };
        let number = stored.version(Some(asked)).ok_or_else(|| no_version(asked))?.number;
        if number == stored.default_version {
            return Err(AwsError::client(
                "InvalidDocumentOperation",
                "Default version of the document can't be deleted; make another version the default first",
            ));
        }
        stored.versions.retain(|version| version.number != number);
        Ok(json!({}))
    })
}

fn share(library: &Library, request: &Request) -> Result<Value, AwsError> {
    let name = required(request, "Name")?;
    only_share(request)?;
    library.with(&request.region, |shelf| {
        let stored = owned(shelf, name)?;
        stored.shared_with.extend(texts(&request.body, "AccountIdsToAdd").map(str::to_owned));
        for account in texts(&request.body, "AccountIdsToRemove") {
            stored.shared_with.remove(account);
        }
        Ok(json!({}))
    })
}

fn shares(library: &Library, request: &Request) -> Result<Value, AwsError> {
    let name = required(request, "Name")?;
    only_share(request)?;
    library.with(&request.region, |shelf| {
        let stored = owned(shelf, name)?;
        let sharing: Vec<Value> = stored
            .shared_with
            .iter()
            .map(|account| json!({"AccountId": account, "SharedDocumentVersion": "$DEFAULT"}))
            .collect();
        Ok(json!({"AccountIds": stored.shared_with, "AccountSharingInfoList": sharing}))
    })
}

fn only_share(request: &Request) -> Result<(), AwsError> {
    match required(request, "PermissionType")? {
        "Share" => Ok(()),
        other => Err(AwsError::client("InvalidPermissionType", format!("`{other}` must be `Share`"))),
    }
}

fn draft<'a>(request: &'a Request, kind: Option<&'a str>) -> Result<Draft<'a>, AwsError> {
    Ok(Draft {
        kind,
        format: Format::parse(text(&request.body, "DocumentFormat"))?,
        content: required(request, "Content")?,
        version_name: text(&request.body, "VersionName"),
        display_name: text(&request.body, "DisplayName"),
        attachments: request.body.get("Attachments").and_then(Value::as_array).map_or(&[], Vec::as_slice),
    })
}

fn check_name(name: &str) -> Result<(), AwsError> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
    if (3..=128).contains(&name.len()) && name.chars().all(allowed) {
        Ok(())
    } else {
        Err(AwsError::client(
            "ValidationException",
            format!("`{name}` is not a document's name: 3 to 128 letters, digits, `_`, `-` or `.`"),
        ))
    }
}

fn with_version(
    library: &Library,
    request: &Request,
    answer: impl FnOnce(&Stored, &Version) -> Result<Value, AwsError>,
) -> Result<Value, AwsError> {
    let name = required(request, "Name")?;
    library.with(&request.region, |shelf| {
        let stored = owned(shelf, name)?;
        let asked = text(&request.body, "DocumentVersion");
        let version = match text(&request.body, "VersionName") {
            Some(wanted) => stored.versions.iter().find(|version| version.name.as_deref() == Some(wanted)),
            None => stored.version(asked),
        };
        answer(stored, version.ok_or_else(|| no_version(asked.unwrap_or("$DEFAULT")))?)
    })
}

fn owned<'a>(shelf: &'a mut Shelf, name: &str) -> Result<&'a mut Stored, AwsError> {
    shelf.get_mut(short_name(name)).ok_or_else(|| {
        AwsError::client("InvalidDocument", format!("Document with name {name} does not exist."))
    })
}

fn no_version(asked: &str) -> AwsError {
    AwsError::client("InvalidDocumentVersion", format!("the document has no version `{asked}`"))
}
