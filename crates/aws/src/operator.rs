//! What the command line needs beyond the functions' ports: where a stack is, whole tables, dead letters, signals.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use aws_sdk_ssm::types::SignalType;
use plumb_model::Remediation;
use plumb_ports::{Class, PortError};

use crate::{
    clients::Aws,
    errors::{failed, incomplete},
    item::from_attributes,
    signed::element,
};

/// A deployed stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stack {
    /// Its outputs by name.
    pub outputs: BTreeMap<String, String>,
    /// Its parameters by name.
    pub parameters: BTreeMap<String, String>,
}

/// Who makes the calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The account.
    pub account: String,
    /// The ARN.
    pub arn: String,
}

/// Why a message could not be worked on, as the function that gave up on it wrote it down.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GivenUp {
    /// The function.
    pub function: String,
    /// The error's stable code.
    pub code: String,
    /// What was wrong, in words.
    pub reason: String,
    /// When it was tried last.
    pub at: jiff::Timestamp,
    /// How often it was tried.
    pub tries: u32,
}

/// A message on a dead-letter queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// SQS's message id: the same as when it was on the queue that it comes from.
    pub id: String,
    /// What it takes to delete it.
    pub receipt: String,
    /// The message.
    pub body: String,
    /// When it was sent first.
    pub sent_at: Option<jiff::Timestamp>,
    /// Message attributes; EventBridge says with them why it could not deliver (`ERROR_CODE`, `ERROR_MESSAGE`).
    pub attributes: BTreeMap<String, String>,
}

/// A stack by its name; none if there is no such stack.
///
/// # Errors
/// When CloudFormation can't be asked.
pub async fn stack(aws: &Aws, name: &str) -> Result<Option<Stack>, PortError> {
    const OPERATION: &str = "cloudformation:DescribeStacks";
    let asked = aws.signed().query(OPERATION, "cloudformation", "2010-05-15", &[("StackName", name)]).await;
    let xml = match asked {
        Ok(xml) => xml,
        // "Stack with id … does not exist" is a validation error.
        Err(error) if error.code == "ValidationError" => return Ok(None),
        Err(error) => return Err(error),
    };
    let pairs = |list: &str, key: &str, value: &str| {
        let within = element(&xml, list).unwrap_or_default();
        let members = within.split("</member>");
        members
            .filter_map(|member| Some((plain(element(member, key)?), plain(element(member, value)?))))
            .collect()
    };
    Ok(Some(Stack {
        outputs: pairs("Outputs", "OutputKey", "OutputValue"),
        parameters: pairs("Parameters", "ParameterKey", "ParameterValue"),
    }))
}

/// Who makes the calls.
///
/// # Errors
/// When STS can't be asked.
pub async fn caller(aws: &Aws) -> Result<CallerIdentity, PortError> {
    const OPERATION: &str = "sts:GetCallerIdentity";
    let xml = aws.signed().query(OPERATION, "sts", "2011-06-15", &[]).await?;
    let text = |name| element(&xml, name).map(plain).ok_or_else(|| incomplete(OPERATION, name));
    Ok(CallerIdentity { account: text("Account")?, arn: text("Arn")? })
}

/// The ledger's records of one resource id, or all; in no order.
///
/// # Errors
/// When the table can't be read, or a record of it.
pub async fn records(aws: &Aws, table: &str, resource: Option<&str>) -> Result<Vec<Remediation>, PortError> {
    const OPERATION: &str = "dynamodb:Scan";
    let (mut records, mut from) = (Vec::new(), None);
    loop {
        // Counters are in the same table; only a remediation has a control and a state.
        let mut request = aws
            .dynamodb()
            .scan()
            .table_name(table)
            .expression_attribute_names("#state", "state")
            .set_exclusive_start_key(from);
        request = match resource {
            None => request.filter_expression("attribute_exists(control) AND attribute_exists(#state)"),
            Some(id) => request
                .filter_expression(
                    "attribute_exists(control) AND attribute_exists(#state) AND #resource.#id = :id",
                )
                .expression_attribute_names("#resource", "resource")
                .expression_attribute_names("#id", "id")
                .expression_attribute_values(":id", AttributeValue::S(id.to_owned())),
        };
        let answer = request.send().await.map_err(|error| failed(OPERATION, error))?;
        for item in answer.items.unwrap_or_default() {
            records.push(from_attributes(item).map_err(|error| PortError {
                operation: OPERATION,
                code: "unreadable record".to_owned(),
                class: Class::Permanent,
                source: Some(Box::new(error)),
            })?);
        }
        from = answer.last_evaluated_key;
        if from.is_none() {
            return Ok(records);
        }
    }
}

/// How many messages a queue holds, in flight or not.
///
/// # Errors
/// When SQS can't be asked.
pub async fn depth(aws: &Aws, queue: &str) -> Result<u64, PortError> {
    let counted = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
    ];
    let answer = aws
        .sqs()
        .get_queue_attributes()
        .queue_url(queue)
        .set_attribute_names(Some(counted.to_vec()))
        .send()
        .await
        .map_err(|error| failed("sqs:GetQueueAttributes", error))?;
    let attributes = answer.attributes.unwrap_or_default();
    Ok(counted.iter().filter_map(|name| attributes.get(name)?.parse::<u64>().ok()).sum())
}

/// Up to ten messages, which nobody else sees for `hidden` seconds.
///
/// # Errors
/// When SQS can't be asked.
pub async fn receive(aws: &Aws, queue: &str, hidden: i32) -> Result<Vec<DeadLetter>, PortError> {
    let answer = aws
        .sqs()
        .receive_message()
        .queue_url(queue)
        .max_number_of_messages(10)
        .visibility_timeout(hidden)
        .message_attribute_names("All")
        .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
        .send()
        .await
        .map_err(|error| failed("sqs:ReceiveMessage", error))?;
    let messages = answer.messages.unwrap_or_default().into_iter();
    Ok(messages
        .filter_map(|message| {
            let sent = message.attributes.as_ref().and_then(|attributes| {
                attributes.get(&MessageSystemAttributeName::SentTimestamp)?.parse::<i64>().ok()
            });
            let attributes = message.message_attributes.unwrap_or_default().into_iter();
            Some(DeadLetter {
                id: message.message_id?,
                receipt: message.receipt_handle?,
                body: message.body.unwrap_or_default(),
                sent_at: sent.and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok()),
                attributes: attributes
                    .filter_map(|(name, value)| Some((name, value.string_value?)))
                    .collect(),
            })
        })
        .collect())
}

/// Lets others see a message again.
///
/// # Errors
/// When SQS can't be asked.
pub async fn release(aws: &Aws, queue: &str, letter: &DeadLetter) -> Result<(), PortError> {
    aws.sqs()
        .change_message_visibility()
        .queue_url(queue)
        .receipt_handle(&letter.receipt)
        .visibility_timeout(0)
        .send()
        .await
        .map(|_| ())
        .map_err(|error| failed("sqs:ChangeMessageVisibility", error))
}

/// Sends a dead letter to a queue, and then deletes it from where it was. Ended in between, it is on both: harmless, since
/// whoever works on messages takes each as often as it comes.
///
/// # Errors
/// When SQS can't be asked.
pub async fn redrive(aws: &Aws, from: &str, to: &str, letter: &DeadLetter) -> Result<(), PortError> {
    // Its attributes say why it is here, not what it is.
    let send = aws.sqs().send_message().queue_url(to).message_body(&letter.body);
    send.send().await.map_err(|error| failed("sqs:SendMessage", error))?;
    aws.sqs()
        .delete_message()
        .queue_url(from)
        .receipt_handle(&letter.receipt)
        .send()
        .await
        .map(|_| ())
        .map_err(|error| failed("sqs:DeleteMessage", error))
}

/// Approves or rejects what an execution waits for.
///
/// # Errors
/// When SSM refuses: the execution waits for nothing, or the caller is none of its approvers.
pub async fn answer_approval(
    aws: &Aws,
    execution: &str,
    approved: bool,
    comment: Option<&str>,
) -> Result<(), PortError> {
    let signal = if approved { SignalType::Approve } else { SignalType::Reject };
    let mut request =
        aws.ssm().send_automation_signal().automation_execution_id(execution).signal_type(signal);
    if let Some(comment) = comment {
        request = request.payload("Comment", vec![comment.to_owned()]);
    }
    request.send().await.map(|_| ()).map_err(|error| failed("ssm:SendAutomationSignal", error))
}

/// Starts one of this account's own Automation documents; the execution's id.
///
/// # Errors
/// When SSM refuses.
pub async fn start_document(
    aws: &Aws,
    document: &str,
    parameters: &[(&str, String)],
) -> Result<String, PortError> {
    const OPERATION: &str = "ssm:StartAutomationExecution";
    let mut request = aws.ssm().start_automation_execution().document_name(document);
    for (name, value) in parameters {
        request = request.parameters(*name, vec![value.clone()]);
    }
    let answer = request.send().await.map_err(|error| failed(OPERATION, error))?;
    answer.automation_execution_id.ok_or_else(|| incomplete(OPERATION, "execution id"))
}

/// Starts an experiment of AWS FIS from its template; the experiment's id.
/// [`StartExperiment`](https://docs.aws.amazon.com/fis/latest/APIReference/API_StartExperiment.html).
///
/// # Errors
/// When FIS refuses.
pub async fn start_experiment(aws: &Aws, template: &str) -> Result<String, PortError> {
    const OPERATION: &str = "fis:StartExperiment";
    let token = format!("plumb-{}", jiff::Timestamp::now().as_nanosecond());
    let asked = serde_json::json!({ "clientToken": token, "experimentTemplateId": template });
    let answer = aws.signed().rest(OPERATION, "fis", ("POST", "/experiments"), &asked).await?;
    let id = answer.pointer("/experiment/id").and_then(serde_json::Value::as_str).map(str::to_owned);
    id.ok_or_else(|| incomplete(OPERATION, "experiment id"))
}

/// XML's five entities, taken back.
fn plain(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}
