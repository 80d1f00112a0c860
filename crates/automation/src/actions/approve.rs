//! `aws:approve`: waits until enough people approve, or one rejects.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Action, Call, Done, Unfinished, optional_number};
use crate::{
    choices,
    execution::FailureType,
    failure::{Doing, Failure},
    ports::{Answer, ApiCall},
    signals::Signal,
};

pub(super) struct Approve;

impl Action for Approve {
    fn default_timeout(&self) -> Option<Duration> {
        Some(choices::APPROVAL_TIMEOUT)
    }

    fn longest(&self) -> Option<Duration> {
        Some(choices::LONGEST_APPROVAL)
    }

    fn waits(&self) -> bool {
        true
    }

    fn attempt<'a>(&'a self, call: Call<'a>) -> Answer<'a, Result<Done, Unfinished>> {
        Box::pin(async move {
            let asked = Asked::of(&call)?;
            asked.notify(&call).await?;
            let mut decisions: Vec<Decision> = Vec::new();
            loop {
                let status = asked.status(&decisions);
                let outputs = outputs(status, &decisions);
                let payload = json!(outputs);
                match status {
                    "Waiting" => {
                        // The engine listens for as long as the attempt runs.
                        let _ = call.notes.send(outputs);
                    }
                    "Approved" => return Ok(Done { payload, outputs, ..Done::default() }),
                    _ => {
                        let _ = call.notes.send(outputs);
                        let by = decisions.last().map_or("", |decision| decision.by.as_str());
                        let reason = format!("Approval was rejected by {by}");
                        return Err(Failure::new(Doing::Polling, FailureType::Action, &reason).into());
                    }
                }
                let decision = asked.next(&call).await;
                decisions.push(decision);
            }
        })
    }
}

/// Who is asked, and how many must agree.
struct Asked {
    approvers: Vec<String>,
    needed: usize,
    message: String,
    topic: Option<String>,
}

struct Decision {
    by: String,
    comment: String,
    approves: bool,
    at: Timestamp,
}

impl Asked {
    fn of(call: &Call<'_>) -> Result<Self, Failure> {
        let approvers: Vec<String> = match call.inputs.get("Approvers") {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(one)) => vec![one.clone()],
            _ => return Err(Failure::inputs("Required input Approvers is missing or not a list")),
        };
        if approvers.is_empty() || approvers.len() > choices::MAX_APPROVERS {
            let count = approvers.len();
            return Err(Failure::inputs(&format!("There are {count} Approvers; it may be 1 to 10")));
        }
        let needed = optional_number(call.inputs, "MinRequiredApprovals")?.unwrap_or(1);
        let needed = usize::try_from(needed).unwrap_or(usize::MAX);
        if !(1..=approvers.len()).contains(&needed) {
            return Err(Failure::inputs(&format!(
                "MinRequiredApprovals is {needed}, but there are {} Approvers",
                approvers.len()
            )));
        }
        let message = call.optional_text("Message")?.unwrap_or_default().to_owned();
        if message.chars().count() > choices::MAX_APPROVAL_MESSAGE {
            return Err(Failure::inputs("Message may have 4096 characters at most"));
        }
        let topic = call.optional_text("NotificationArn")?.filter(|arn| !arn.is_empty()).map(str::to_owned);
        if let Some(arn) = &topic
            && !arn.rsplit(':').next().unwrap_or_default().starts_with("Automation")
        {
            return Err(Failure::inputs("The topic that NotificationArn names must begin with Automation"));
        }
        Ok(Self { approvers, needed, message, topic })
    }

    /// Tells the topic that somebody is asked.
    async fn notify(&self, call: &Call<'_>) -> Result<(), Failure> {
        let Some(topic) = &self.topic else { return Ok(()) };
        let message = json!({
            "AutomationExecutionId": call.start.id,
            "DocumentName": call.start.document_name,
            "StepName": call.step.name,
            "Message": self.message,
            "Approvers": self.approvers,
        });
        let parameters = Map::from_iter([
            ("TopicArn".to_owned(), json!(topic)),
            ("Subject".to_owned(), json!("Automation execution is waiting for approval")),
            ("Message".to_owned(), json!(message.to_string())),
        ]);
        let publish = ApiCall {
            service: "sns".to_owned(),
            api: "Publish".to_owned(),
            parameters,
            region: call.start.environment.region.clone(),
            assume_role: call.role.map(str::to_owned),
            origin: call.origin(),
        };
        call.ports.api.call(publish).await.map(|_| ()).map_err(|error| Failure::api(&error))
    }

    /// The next decision of somebody who is asked; what others say doesn't count.
    async fn next(&self, call: &Call<'_>) -> Decision {
        loop {
            let said = call
                .signals
                .next(|said| matches!(said, Signal::Approve { .. } | Signal::Reject { .. }))
                .await;
            let (by, comment, approves) = match said {
                Signal::Approve { by, comment } => (by, comment, true),
                Signal::Reject { by, comment } => (by, comment, false),
                Signal::Resume { .. } | Signal::StartStep { .. } | Signal::StopStep { .. } => continue,
            };
            if is_approver(&self.approvers, &by) {
                return Decision { by, comment, approves, at: call.ports.clock.now() };
            }
        }
    }

    /// One rejection decides; an approver's second approval doesn't count.
    fn status(&self, decisions: &[Decision]) -> &'static str {
        let mut approved: Vec<&str> = decisions
            .iter()
            .filter(|decision| decision.approves)
            .map(|decision| decision.by.as_str())
            .collect();
        approved.sort_unstable();
        approved.dedup();
        if decisions.iter().any(|decision| !decision.approves) {
            "Rejected"
        } else if approved.len() >= self.needed {
            "Approved"
        } else {
            "Waiting"
        }
    }
}

/// Whether somebody is among the approvers of an `aws:approve` step: by ARN, by user name, or, for the session of an
/// assumed role, by the role's ARN.
pub fn is_approver(approvers: &[String], by: &str) -> bool {
    let name = by.rsplit('/').next().unwrap_or(by);
    approvers.iter().map(|approver| approver.trim()).any(|approver| {
        approver == by || (!approver.starts_with("arn:") && approver == name) || is_session_of(approver, by)
    })
}

/// `arn:aws:sts::1:assumed-role/NAME/session` is a session of `arn:aws:iam::1:role/path/NAME`.
fn is_session_of(role: &str, session: &str) -> bool {
    let parts = |arn: &str| -> Option<(String, String)> {
        let mut parts = arn.splitn(6, ':').skip(4);
        Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
    };
    match (parts(role), parts(session)) {
        (Some((account, role)), Some((of, session))) => {
            let role = role.strip_prefix("role/").and_then(|path| path.rsplit('/').next());
            let taken = session.strip_prefix("assumed-role/").and_then(|path| path.split('/').next());
            account == of && role.is_some() && role == taken
        }
        _ => false,
    }
}

fn outputs(status: &str, decisions: &[Decision]) -> BTreeMap<String, Value> {
    let decisions: Vec<Value> = decisions
        .iter()
        .map(|decision| {
            json!({
                "Approver": decision.by,
                "Decision": if decision.approves { "Approve" } else { "Reject" },
                "Comment": decision.comment,
                "Time": decision.at.to_string(),
            })
        })
        .collect();
    BTreeMap::from([
        ("ApprovalStatus".to_owned(), json!(status)),
        ("ApproverDecisions".to_owned(), Value::Array(decisions)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approver_is_known_by_arn_by_name_or_by_role() {
        let user = "arn:aws:iam::123456789012:user/team/ann";
        let session = "arn:aws:sts::123456789012:assumed-role/Approvers/ann";
        let listed = |approver: &str| [approver.to_owned()];
        assert!(is_approver(&listed(user), user));
        assert!(is_approver(&listed("ann"), user));
        assert!(is_approver(&listed("arn:aws:iam::123456789012:role/ops/Approvers"), session));
        assert!(!is_approver(&listed("arn:aws:iam::210987654321:role/ops/Approvers"), session));
        assert!(!is_approver(&listed("bob"), user));
        assert!(!is_approver(&listed("arn:aws:iam::123456789012:user/bob"), user));
    }
}
