//! Accounts side by side: each a local AWS of its own, and all of them know each other.
//!
//! What belongs to one account never mixes with another's, because it is in other processes. What AWS lets accounts share is
//! done here: a request signed for a neighbour goes to its gateway; a role of a neighbour's can be assumed if its trust says
//! so; an event for a neighbour's bus (or for one in another Region) gets there if the bus's policy says so; Automation
//! documents are found where they are shared, and AWS Config aggregates what it is authorized to.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    eventbridge::Published,
    identify::{decoded, pair},
    service::{AwsError, Caller, Context, Service},
    ssm::Library,
    trust::{Asking, allows},
    worker::Call,
};

/// The accounts that know each other. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Neighbours(Arc<RwLock<BTreeMap<String, Neighbour>>>);

/// One of them.
#[derive(Clone)]
pub(crate) struct Neighbour {
    pub(crate) context: Context,
    /// The organization it is in.
    pub(crate) organization: Option<String>,
    pub(crate) config: Arc<dyn Service>,
    pub(crate) library: Library,
}

impl fmt::Debug for Neighbour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Neighbour").field("account", &self.context.account()).finish_non_exhaustive()
    }
}

/// How the access keys of assumed roles begin; the account follows.
const SESSION: &str = "ASIA";

/// The account of an access key: twelve digits, alone or in the key of an assumed role.
pub(crate) fn account_of_key(key: &str) -> Option<&str> {
    let digits = key.strip_prefix(SESSION).and_then(|rest| rest.get(..12)).unwrap_or(key);
    (digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

impl Neighbours {
    pub(crate) fn join(&self, account: &str, neighbour: Neighbour) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(account.to_owned(), neighbour);
    }

    /// The account's own local AWS.
    pub(crate) fn of(&self, account: &str) -> Option<Neighbour> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(account).cloned()
    }

    /// Every account there is.
    pub(crate) fn all(&self) -> Vec<(String, Neighbour)> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(account, neighbour)| (account.clone(), neighbour.clone())).collect()
    }

    /// Whether anybody else is there.
    pub(crate) fn are_there(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len() > 1
    }

    /// `sts:AssumeRole`, by a caller of `home`'s. The answer's XML.
    ///
    /// # Errors
    /// `AccessDenied`, unless the role is there and trusts the caller.
    pub(crate) async fn assume_role(
        &self,
        home: &Context,
        caller: &Caller,
        region: &str,
        form: &str,
    ) -> Result<String, AwsError> {
        let given = |name| pair(form, name).map(std::borrow::Cow::into_owned);
        let role =
            given("RoleArn").ok_or_else(|| AwsError::client("ValidationError", "`RoleArn` is missing"))?;
        let who = principal(home, caller, region).await;
        let denied = || AwsError {
            code: "AccessDenied".to_owned(),
            message: format!("User: {who} is not authorized to perform: sts:AssumeRole on resource: {role}"),
            status: 403,
        };
        let (account, name) = role_of(&role).ok_or_else(denied)?;
        let owner = self.of(account).ok_or_else(denied)?;
        let call =
            Call { caller: Caller::Local, ..Call::outside("iam", "GetRole", json!({ "RoleName": name })) };
        let found = owner.context.worker().call(call).await.map_err(|_| denied())?;
        let trust = found.pointer("/Role/AssumeRolePolicyDocument").unwrap_or(&Value::Null);
        let trust = match trust {
            Value::String(text) => serde_json::from_str(&decoded(text)).unwrap_or_default(),
            document => document.clone(),
        };
        let external_id = given("ExternalId");
        let asking = Asking {
            action: "sts:AssumeRole",
            principal: &who,
            account: home.account(),
            organization: self.of(home.account()).and_then(|home| home.organization),
            external_id: external_id.as_deref(),
        };
        // The role's whole ARN, path included, has to be the one that is asked for.
        let is_it = found.pointer("/Role/Arn").and_then(Value::as_str) == Some(role.as_str());
        if !is_it || !allows(&trust, &asking) {
            return Err(denied());
        }
        Ok(session(account, &role, given("RoleSessionName").as_deref().unwrap_or("session"), caller))
    }

    /// An event for a bus elsewhere: `{"bus": ARN, "event": envelope, "sender": account}`, as ministack says it.
    ///
    /// # Errors
    /// When there is no such bus, or its policy does not let the sender put events on it.
    pub(crate) async fn forward(&self, asked: &Value) -> Result<(), AwsError> {
        let text = |name: &str| asked.get(name).and_then(Value::as_str).unwrap_or_default();
        let (bus, sender) = (text("bus"), text("sender"));
        let missing =
            || AwsError::client("ResourceNotFoundException", format!("there is no event bus `{bus}`"));
        let parts: Vec<&str> = bus.splitn(6, ':').collect();
        let [_, _, "events", region, account, resource] = *parts.as_slice() else { return Err(missing()) };
        let name = resource.strip_prefix("event-bus/").ok_or_else(missing)?;
        let owner = self.of(account).ok_or_else(missing)?;
        let mut event = asked.get("event").cloned().unwrap_or_default();
        let refused = if sender == account { None } else { self.refusal(&owner, region, name, sender).await };
        if let Some(why) = refused {
            owner.context.events().push(Published { at: Timestamp::now(), event, error: Some(why.clone()) });
            return Err(AwsError::client("AccessDeniedException", why));
        }
        if let Some(members) = event.as_object_mut() {
            members.insert("_bus".to_owned(), json!({ "name": name, "account": account, "region": region }));
        }
        owner.context.deliver(&event).await
    }

    /// Why a bus takes no event of a sender's.
    async fn refusal(&self, owner: &Neighbour, region: &str, name: &str, sender: &str) -> Option<String> {
        let call = Call {
            caller: Caller::Local,
            region: Some(region.to_owned()),
            ..Call::outside("events", "DescribeEventBus", json!({ "Name": name }))
        };
        let found = owner.context.worker().call(call).await.ok()?;
        let policy = found.get("Policy").and_then(Value::as_str).unwrap_or_default();
        let policy: Value = serde_json::from_str(policy).unwrap_or_default();
        let asking = Asking {
            action: "events:PutEvents",
            principal: &format!("arn:aws:iam::{sender}:root"),
            account: sender,
            organization: self.of(sender).and_then(|sender| sender.organization),
            external_id: None,
        };
        (!allows(&policy, &asking))
            .then(|| format!("the policy of bus `{name}` does not let account {sender} put events on it"))
    }
}

/// A role's account and name.
fn role_of(arn: &str) -> Option<(&str, &str)> {
    let (_, rest) = arn.split_once(":iam::")?;
    let (account, path) = rest.split_once(":role/")?;
    Some((account, path.rsplit('/').next().unwrap_or(path)))
}

/// Who calls: a function's role, else the account.
async fn principal(home: &Context, caller: &Caller, region: &str) -> String {
    let root = || format!("arn:aws:iam::{}:root", home.account());
    let Caller::Function { name } = caller else { return root() };
    let call = Call {
        caller: Caller::Local,
        region: Some(region.to_owned()),
        ..Call::outside("lambda", "GetFunctionConfiguration", json!({ "FunctionName": name }))
    };
    let found = home.worker().call(call).await.ok();
    found.and_then(|found| Some(found.get("Role")?.as_str()?.to_owned())).unwrap_or_else(root)
}

/// Credentials for an hour. Their token names the caller, so that the call log of the account they lead to can.
fn session(account: &str, role: &str, name: &str, caller: &Caller) -> String {
    let token = match caller {
        Caller::Function { name } => format!("plumb-function/{name}"),
        _ => "session".to_owned(),
    };
    let until = Timestamp::now().as_second().saturating_add(3600);
    let until = Timestamp::from_second(until).unwrap_or(Timestamp::MAX).strftime("%Y-%m-%dT%H:%M:%SZ");
    let assumed = role.replacen(":iam:", ":sts:", 1).replacen(":role/", ":assumed-role/", 1);
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><Credentials>\
         <AccessKeyId>{SESSION}{account}PLMB</AccessKeyId><SecretAccessKey>test</SecretAccessKey>\
         <SessionToken>{token}</SessionToken><Expiration>{until}</Expiration></Credentials>\
         <AssumedRoleUser><Arn>{assumed}/{name}</Arn><AssumedRoleId>AROAPLUMBLOCAL:{name}</AssumedRoleId></AssumedRoleUser>\
         </AssumeRoleResult><ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></AssumeRoleResponse>",
        Uuid::new_v4()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_whose_it_is() {
        assert_eq!(account_of_key("222222222222"), Some("222222222222"));
        assert_eq!(account_of_key("ASIA222222222222PLMB"), Some("222222222222"));
        assert_eq!(account_of_key("test"), None);
        assert_eq!(account_of_key("ASIAIOSFODNN7EXAMPLE"), None);
    }

    #[test]
    fn a_role_has_an_account_and_a_name() {
        assert_eq!(role_of("arn:aws:iam::222222222222:role/a/b/c"), Some(("222222222222", "c")));
        assert_eq!(role_of("arn:aws:iam::222222222222:user/c"), None);
    }
}
