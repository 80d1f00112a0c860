//! What a request refers to and has to be fetched before it can be answered: files to attach, locations in a file, the
//! accounts of organizational units.

use serde_json::{Map, Value, json};

use crate::{
    members::{items, text, texts},
    service::{AwsError, Context, Request},
    worker::Call,
};

/// The request with what it refers to in the place of the references.
pub(super) async fn fetched(context: &Context, request: &Request) -> Result<Request, AwsError> {
    let mut request = request.clone();
    match request.operation.as_str() {
        "CreateDocument" | "UpdateDocument" if request.body.get("Attachments").is_some() => {
            let attachments = attachments(context, &request).await?;
            set(&mut request, "Attachments", attachments);
        }
        "StartAutomationExecution" => locations(context, &mut request).await?,
        _ => {}
    }
    Ok(request)
}

fn set(request: &mut Request, name: &str, value: Value) {
    if let Some(members) = request.body.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// Files of S3 that are attached to a document: `[{"Name", "Sha256", "Size"}]`.
async fn attachments(context: &Context, request: &Request) -> Result<Value, AwsError> {
    let refused = |why: String| AwsError::client("InvalidDocumentContent", why);
    let mut files = Vec::new();
    for source in items(&request.body, "Attachments") {
        let (key, name) = (text(source, "Key").unwrap_or_default(), text(source, "Name"));
        let urls: Vec<&str> = texts(source, "Values").collect();
        let [url] = urls.as_slice() else {
            return Err(refused(format!("the attachment source `{key}` needs exactly one value")));
        };
        let (bucket, path) = object_of(url).ok_or_else(|| {
            refused(format!("`{url}` leads to no object of S3; write it as s3://BUCKET/KEY"))
        })?;
        match key {
            "S3FileUrl" => files.push((name.map_or_else(|| last(&path), str::to_owned), bucket, path)),
            "SourceUrl" => {
                let folder = format!("{}/", path.trim_end_matches('/'));
                let folder = if folder == "/" { String::new() } else { folder };
                for path in listed(context, request, &bucket, &folder).await? {
                    files.push((last(&path), bucket.clone(), path));
                }
            }
            other => {
                return Err(refused(format!(
                    "attachments from `{other}` are not kept here; use S3FileUrl or SourceUrl"
                )));
            }
        }
    }
    let mut fetched = Vec::new();
    for (name, bucket, path) in files {
        let (sha256, size) = context.worker().keep(&request.region, &bucket, &path).await.map_err(|why| {
            refused(format!("the attachment `{name}` can't be read from s3://{bucket}/{path}: {why}"))
        })?;
        fetched.push(json!({"Name": name, "Sha256": sha256, "Size": size}));
    }
    Ok(Value::Array(fetched))
}

async fn listed(
    context: &Context,
    request: &Request,
    bucket: &str,
    folder: &str,
) -> Result<Vec<String>, AwsError> {
    let answer =
        call(context, request, "s3", "ListObjectsV2", json!({"Bucket": bucket, "Prefix": folder})).await;
    let answer = answer.map_err(|why| AwsError::client("InvalidDocumentContent", why))?;
    let keys = items(&answer, "Contents").filter_map(|object| text(object, "Key"));
    Ok(keys.filter(|key| !key.ends_with('/')).map(str::to_owned).collect())
}

/// `TargetLocationsURL` and organizational units: `TargetLocations` with accounts only.
async fn locations(context: &Context, request: &mut Request) -> Result<(), AwsError> {
    let invalid = |why: String| AwsError::client("InvalidTarget", why);
    if let Some(url) = text(&request.body, "TargetLocationsURL").map(str::to_owned) {
        if items(&request.body, "TargetLocations").next().is_some() {
            return Err(invalid(
                "TargetLocations and TargetLocationsURL don't go together; give one".to_owned(),
            ));
        }
        let (bucket, key) =
            object_of(&url).ok_or_else(|| invalid(format!("`{url}` leads to no object of S3")))?;
        let (sha256, _) = context
            .worker()
            .keep(&request.region, &bucket, &key)
            .await
            .map_err(|why| invalid(format!("`{url}` can't be read: {why}")))?;
        let locations = std::fs::read(context.worker().kept(&sha256))
            .ok()
            .and_then(|text| serde_json::from_slice::<Value>(&text).ok())
            .filter(Value::is_array)
            .ok_or_else(|| invalid(format!("`{url}` is no JSON list of target locations")))?;
        set(request, "TargetLocations", locations);
    }
    let mut locations: Vec<Value> = items(&request.body, "TargetLocations").cloned().collect();
    for location in &mut locations {
        let children = location.get("IncludeChildOrganizationUnits").and_then(Value::as_bool) == Some(true);
        for list in ["Accounts", "ExcludeAccounts"] {
            let named: Vec<String> = texts(location, list).map(str::to_owned).collect();
            if !named.iter().any(|name| is_unit(name)) {
                continue;
            }
            let mut accounts = Vec::new();
            for name in named {
                if is_unit(&name) {
                    accounts.extend(members_of(context, request, name, children).await.map_err(invalid)?);
                } else {
                    accounts.push(name);
                }
            }
            if let Some(members) = location.as_object_mut() {
                members.insert(list.to_owned(), json!(accounts));
            }
        }
    }
    if !locations.is_empty() {
        set(request, "TargetLocations", Value::Array(locations));
    }
    Ok(())
}

/// Whether it is an organizational unit, or the root, not an account.
fn is_unit(name: &str) -> bool {
    name.starts_with("ou-") || name.starts_with("r-")
}

/// The accounts of an organizational unit, and of those below it if they are to be included.
async fn members_of(
    context: &Context,
    request: &Request,
    unit: String,
    children: bool,
) -> Result<Vec<String>, String> {
    let (mut units, mut accounts) = (vec![unit], Vec::new());
    while let Some(unit) = units.pop() {
        let parent = json!({"ParentId": unit});
        let found = call(context, request, "organizations", "ListAccountsForParent", parent.clone()).await?;
        accounts
            .extend(items(&found, "Accounts").filter_map(|account| text(account, "Id")).map(str::to_owned));
        if children {
            let api = "ListOrganizationalUnitsForParent";
            let found = call(context, request, "organizations", api, parent).await?;
            let below = items(&found, "OrganizationalUnits").filter_map(|unit| text(unit, "Id"));
            units.extend(below.map(str::to_owned));
        }
    }
    Ok(accounts)
}

async fn call(
    context: &Context,
    request: &Request,
    service: &str,
    api: &str,
    params: Value,
) -> Result<Value, String> {
    let region = Some(request.region.clone());
    let call = Call { region, caller: crate::Caller::Local, ..Call::outside(service, api, params) };
    context.worker().call(call).await.map_err(|error| error.to_string())
}

/// Bucket and key of `s3://bucket/key` and of the URLs that lead to an object, by path or by host.
fn object_of(url: &str) -> Option<(String, String)> {
    let plain = url.split(['?', '#']).next().unwrap_or(url);
    let (bucket, key) = if let Some(rest) = plain.strip_prefix("s3://") {
        rest.split_once('/').unwrap_or((rest, ""))
    } else {
        let rest = plain.strip_prefix("https://").or_else(|| plain.strip_prefix("http://"))?;
        let (host, path) = rest.split_once('/')?;
        match host.split_once(".s3.").or_else(|| host.split_once(".s3-")) {
            Some((bucket, _)) => (bucket, path),
            None => path.split_once('/')?,
        }
    };
    (!bucket.is_empty()).then(|| (bucket.to_owned(), decoded(key)))
}

fn decoded(key: &str) -> String {
    crate::identify::decoded(key).into_owned()
}

fn last(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

/// What a fetched attachment is to the API: `AttachmentsInformation` and `AttachmentsContent`.
pub(super) fn shown(file: &Value, whole: bool) -> Value {
    let mut members = Map::from_iter([("Name".to_owned(), json!(text(file, "Name")))]);
    if whole {
        members.insert("Size".to_owned(), json!(file.get("Size")));
        members.insert("Hash".to_owned(), json!(text(file, "Sha256")));
        members.insert("HashType".to_owned(), json!("Sha256"));
    }
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_named_by_path_by_host_or_by_scheme() {
        let object = |url: &str| object_of(url).map(|(bucket, key)| format!("{bucket} {key}"));
        for url in [
            "s3://b/a/c.zip",
            "https://s3.amazonaws.com/b/a/c.zip",
            "https://s3.eu-west-1.amazonaws.com/b/a/c.zip?X-Amz-Signature=1",
            "https://b.s3.amazonaws.com/a/c.zip",
            "https://b.s3.eu-west-1.amazonaws.com/a%2Fc.zip",
            "http://127.0.0.1:4599/b/a/c.zip",
        ] {
            assert_eq!(object(url).as_deref(), Some("b a/c.zip"), "{url}");
        }
        assert_eq!(object("s3://b").as_deref(), Some("b "));
        assert_eq!(object("ftp://b/a"), None);
        assert_eq!(object("s3:///a"), None);
    }
}
