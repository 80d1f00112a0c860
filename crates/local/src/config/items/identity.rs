//! IAM roles and users, read with everything that they may do in one listing.

use serde_json::{Map, Value, json};

use super::{
    super::{
        item::{Found, Relationship},
        reader::{ReadError, Reader},
    },
    shape::{Spelling, created, items, owned, related_by_name, sorted, tags, text},
};

/// `AWS::IAM::Role`; its id is the one that begins with `AROA`.
pub(super) async fn roles(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    Ok(details(reader, "Role", "RoleDetailList")
        .await?
        .iter()
        .map(|role| {
            let configuration = json!({
                "path": role.get("Path"),
                "roleName": role.get("RoleName"),
                "roleId": role.get("RoleId"),
                "arn": role.get("Arn"),
                "createDate": created(role, "CreateDate"),
                "assumeRolePolicyDocument": role.get("AssumeRolePolicyDocument").map(encoded),
                "instanceProfileList": profiles(role),
                "rolePolicyList": inline(role, "RolePolicyList"),
                "attachedManagedPolicies": attached(role),
                "permissionsBoundary": boundary(role),
            });
            found(role, "RoleId", "RoleName", configuration, policies(role))
        })
        .collect())
}

/// `AWS::IAM::User`; its id is the one that begins with `AIDA`.
pub(super) async fn users(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    Ok(details(reader, "User", "UserDetailList")
        .await?
        .iter()
        .map(|user| {
            let configuration = json!({
                "path": user.get("Path"),
                "userName": user.get("UserName"),
                "userId": user.get("UserId"),
                "arn": user.get("Arn"),
                "createDate": created(user, "CreateDate"),
                "userPolicyList": inline(user, "UserPolicyList"),
                "groupList": items(user, "GroupList"),
                "attachedManagedPolicies": attached(user),
                "permissionsBoundary": boundary(user),
            });
            let groups = items(user, "GroupList").iter().filter_map(|group| {
                related_by_name("AWS::IAM::Group", group.as_str(), "Is attached to Group")
            });
            let relationships = sorted(policies(user).into_iter().chain(groups));
            found(user, "UserId", "UserName", configuration, relationships)
        })
        .collect())
}

async fn details(reader: &Reader<'_>, filter: &str, list: &str) -> Result<Vec<Value>, ReadError> {
    reader.list("iam", "GetAccountAuthorizationDetails", json!({"Filter": [filter]}), list).await
}

fn found(
    detail: &Value,
    id: &str,
    name: &str,
    configuration: Value,
    relationships: Vec<Relationship>,
) -> Found {
    Found {
        id: owned(detail, id),
        name: Some(owned(detail, name)),
        arn: owned(detail, "Arn"),
        region: "global".to_owned(),
        zone: "Not Applicable".to_owned(),
        created: created(detail, "CreateDate"),
        tags: tags(detail.get("Tags")),
        configuration,
        supplementary: Map::new(),
        relationships,
    }
}

/// Only the customer's own policies are resources of the account.
fn policies(detail: &Value) -> Vec<Relationship> {
    let managed = items(detail, "AttachedManagedPolicies").iter().filter_map(|policy| {
        let own = !text(policy, "PolicyArn")?.starts_with("arn:aws:iam::aws:");
        let name = text(policy, "PolicyName").filter(|_| own);
        related_by_name("AWS::IAM::Policy", name, "Is attached to CustomerManagedPolicy")
    });
    sorted(managed)
}

fn attached(detail: &Value) -> Value {
    items(detail, "AttachedManagedPolicies").iter().map(|policy| Spelling::FirstSmall.of(policy)).collect()
}

fn inline(detail: &Value, list: &str) -> Value {
    items(detail, list)
        .iter()
        .map(|policy| {
            json!({
                "policyName": policy.get("PolicyName"),
                "policyDocument": policy.get("PolicyDocument").map(encoded),
            })
        })
        .collect()
}

fn profiles(role: &Value) -> Value {
    items(role, "InstanceProfileList")
        .iter()
        .map(|profile| {
            json!({
                "path": profile.get("Path"),
                "instanceProfileName": profile.get("InstanceProfileName"),
                "instanceProfileId": profile.get("InstanceProfileId"),
                "arn": profile.get("Arn"),
                "createDate": created(profile, "CreateDate"),
            })
        })
        .collect()
}

fn boundary(detail: &Value) -> Value {
    detail.get("PermissionsBoundary").map_or(Value::Null, |boundary| Spelling::FirstSmall.of(boundary))
}

/// A policy as IAM's API answers it and AWS Config keeps it: percent-encoded JSON.
fn encoded(document: &Value) -> String {
    let text = document.as_str().map_or_else(|| document.to_string(), str::to_owned);
    text.bytes().fold(String::new(), |encoded, byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            format!("{encoded}{}", char::from(byte))
        }
        other => format!("{encoded}%{other:02X}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_percent_encoded() {
        assert_eq!(encoded(&json!({"Version": "2012-10-17"})), "%7B%22Version%22%3A%222012-10-17%22%7D");
    }
}
