//! `plumb dlq`: what could not be worked on, why, and back to where it came from.

use std::{collections::BTreeSet, io::Write};

use jiff::Timestamp;
use plumb_aws::{
    MessageNotes,
    operator::{self, DeadLetter},
};
use plumb_events::Content;
use plumb_model::{Source, Subject};
use serde::Serialize;

use super::{
    Where,
    connect::{Connection, failed},
};
use crate::{
    failure::Failure,
    output::{json_pretty, say},
};

/// Each dead-letter queue that can be redriven, and where its messages come from, by the stack's outputs.
const QUEUES: [(&str, &str, &str); 2] = [
    ("findings", "FindingsDeadLettersUrl", "FindingsQueueUrl"),
    ("status", "StatusDeadLettersUrl", "StatusQueueUrl"),
];

/// Seconds for which a message that is looked at is hidden from others.
const HIDDEN: i32 = 60;

/// The most messages that one look takes from a queue.
const MOST: usize = 1000;

/// A dead letter, explained.
#[derive(Debug, Serialize)]
struct Explained {
    id: String,
    queue: &'static str,
    /// What it was.
    what: String,
    /// Why it is here.
    reason: String,
    /// The error's stable code; none where only the message itself tells.
    code: Option<String>,
    /// When it was sent first.
    since: Option<Timestamp>,
    /// What to do.
    advice: &'static str,
}

pub(crate) async fn list(out: &mut dyn Write, at: &Where, json: bool) -> Result<(), Failure> {
    let connection = Connection::open(at).await?;
    let notes = MessageNotes::new(&connection.aws, connection.output("LedgerTable")?.to_owned());
    let mut explained = Vec::new();
    for (name, dead, _) in QUEUES {
        let queue = connection.output(dead)?;
        let letters = all(&connection, queue).await?;
        for letter in &letters {
            explained.push(explain(name, letter, &notes).await?);
        }
        for letter in &letters {
            operator::release(&connection.aws, queue, letter).await.map_err(|error| failed(&error))?;
        }
    }
    explained.sort_by_key(|letter| letter.since);
    let given_up = operator::depth(&connection.aws, connection.output("TellDeadLettersUrl")?)
        .await
        .map_err(|error| failed(&error))?;
    if json {
        return json_pretty(out, &serde_json::json!({ "letters": explained, "never_told": given_up }));
    }
    if explained.is_empty() {
        writeln!(out, "no dead letters")?;
    }
    for letter in &explained {
        let since = letter.since.map_or_else(|| "unknown".to_owned(), |since| format!("{since:.0}"));
        writeln!(out, "{}  {}  since {since}", letter.id, letter.queue)?;
        writeln!(out, "    was:     {}", letter.what)?;
        let code = letter.code.as_deref().map_or_else(String::new, |code| format!(" ({code})"));
        writeln!(out, "    why:     {}{code}", letter.reason)?;
        writeln!(out, "    to do:   {}", letter.advice)?;
    }
    if given_up > 0 {
        writeln!(
            out,
            "\n{given_up} batches of transitions were never told; the remediations themselves went on: plumb status"
        )?;
    }
    Ok(())
}

pub(crate) async fn redrive(
    out: &mut dyn Write,
    at: &Where,
    ids: &[String],
    everything: bool,
    json: bool,
) -> Result<(), Failure> {
    let connection = Connection::open(at).await?;
    let mut sent = BTreeSet::new();
    for (_, dead, source) in QUEUES {
        let (dead, source) = (connection.output(dead)?, connection.output(source)?);
        for letter in all(&connection, dead).await? {
            let went = if everything || ids.contains(&letter.id) {
                sent.insert(letter.id.clone());
                operator::redrive(&connection.aws, dead, source, &letter).await
            } else {
                operator::release(&connection.aws, dead, &letter).await
            };
            went.map_err(|error| failed(&error))?;
        }
    }
    let missing: Vec<_> = ids.iter().filter(|id| !sent.contains(*id)).cloned().collect();
    if json {
        json_pretty(out, &serde_json::json!({ "redriven": sent, "not_found": missing }))?;
    } else {
        writeln!(out, "{} sent back to be tried again", sent.len())?;
    }
    if missing.is_empty() {
        Ok(())
    } else {
        let missing = missing.join(", ");
        Err(Failure::Failed(format!("no dead letter {missing}: `plumb dlq list` shows those that there are")))
    }
}

/// All messages of a queue, hidden from others for a minute.
async fn all(connection: &Connection, queue: &str) -> Result<Vec<DeadLetter>, Failure> {
    let mut letters: Vec<DeadLetter> = Vec::new();
    let mut seen = BTreeSet::new();
    while letters.len() < MOST {
        let next = operator::receive(&connection.aws, queue, HIDDEN).await.map_err(|error| failed(&error))?;
        let fresh: Vec<_> = next.into_iter().filter(|letter| seen.insert(letter.id.clone())).collect();
        if fresh.is_empty() {
            return Ok(letters);
        }
        letters.extend(fresh);
    }
    say(format_args!("more than {MOST} dead letters: these are the first; run it again for the rest"));
    Ok(letters)
}

async fn explain(
    queue: &'static str,
    letter: &DeadLetter,
    notes: &MessageNotes<'_>,
) -> Result<Explained, Failure> {
    let (what, unreadable) = described(&letter.body);
    let note = notes.read(&letter.id).await.map_err(|error| failed(&error))?;
    let undelivered = letter.attributes.get("ERROR_CODE");
    let (reason, code) = match (undelivered, note, unreadable) {
        (Some(code), ..) => {
            let message = letter.attributes.get("ERROR_MESSAGE").cloned();
            let message = message.unwrap_or_else(|| "it does not say why".to_owned());
            (format!("EventBridge could not deliver it: {message}"), Some(code.clone()))
        }
        (None, Some(note), _) => {
            let tries = note.tries;
            (format!("{} gave up after {tries} tries: {}", note.function, note.reason), Some(note.code))
        }
        (None, None, Some(wrong)) => {
            (format!("the event can't be used: {wrong}"), Some("rejected".to_owned()))
        }
        (None, None, None) => (
            "nobody wrote down why: the function was killed each time, or could not reach the ledger; its log has the message's id"
                .to_owned(),
            None,
        ),
    };
    let advice = advice(code.as_deref());
    Ok(Explained { id: letter.id.clone(), queue, what, reason, code, since: letter.sent_at, advice })
}

/// Who said so.
fn said_by(source: &Source) -> String {
    match source {
        Source::ConfigRule { rule } => format!("by Config rule {rule}"),
        Source::SecurityHub { control, .. } => format!("by Security Hub control {control}"),
        Source::ApiCall { service, name } | Source::Notice { service, name } => {
            format!("by {service} {name}")
        }
    }
}

/// What the message was, and what is wrong with it if it can't be used at all.
fn described(body: &str) -> (String, Option<String>) {
    let readings = plumb_events::read(body.as_bytes());
    let mut what: Vec<_> = readings
        .iter()
        .map(|reading| match &reading.content {
            Content::Signals(signals) => {
                let about = signals.iter().find_map(|signal| match &signal.subject {
                    Subject::Resource(resource) => Some(format!("{resource}, {}", said_by(&signal.source))),
                    Subject::Call { .. } => None,
                });
                about.map_or_else(|| reading.kind.to_string(), |about| format!("{}: {about}", reading.kind))
            }
            _ => reading.kind.to_string(),
        })
        .collect();
    what.truncate(3);
    let wrong = readings.iter().find_map(|reading| match &reading.content {
        Content::Rejected(reason) => Some(reason.clone()),
        _ => None,
    });
    (what.join("; "), wrong)
}

/// What to do about an error, by its code.
fn advice(code: Option<&str>) -> &'static str {
    match code {
        Some("rejected") => {
            "it will never be usable: if it is AWS's, report it; the sweep finds what it was about"
        }
        Some("denied") => "give the function's role what it lacks, then `plumb dlq redrive`",
        Some("permanent") => "repair what the reason names (often the policy), then `plumb dlq redrive`",
        Some("retry" | "ambiguous" | "not-yet") => "`plumb dlq redrive`: what stood in the way is often gone",
        Some(_) => "look at the queue and its policy, then `plumb dlq redrive`",
        None => "look at the log, then `plumb dlq redrive`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_no_event_says_what_is_wrong_with_it() {
        let (_, wrong) = described("{\"detail-type\": ");
        assert!(wrong.unwrap().starts_with("not JSON"));
    }

    #[test]
    fn an_event_says_what_it_was_about() {
        let event = serde_json::json!({
            "version": "0", "id": "1", "source": "aws.config", "detail-type": "Config Rules Compliance Change",
            "account": "123456789012", "region": "us-east-1", "time": "2026-11-25T12:00:00Z", "resources": [],
            "detail": {
                "messageType": "ComplianceChangeNotification", "awsAccountId": "123456789012",
                "awsRegion": "us-east-1", "configRuleName": "r", "resourceType": "AWS::S3::Bucket",
                "resourceId": "b", "newEvaluationResult": { "complianceType": "NON_COMPLIANT" },
            },
        });
        let (what, wrong) = described(&event.to_string());
        assert!(what.contains("AWS::S3::Bucket b (123456789012/us-east-1)"), "{what}");
        assert_eq!(wrong, None);
    }
}
