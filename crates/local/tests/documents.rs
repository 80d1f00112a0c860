//! The documents under `documents/`, which use every action and every field of control flow, on local AWS; what they leave
//! behind is looked at through boto3.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::{fs, path::Path};

use plumb_automation::{
    Document,
    condition::Operator,
    document::{OnCancel, OnFailure, Step},
};
use plumb_local::{Call, Caller};
use serde_json::{Value, json};
use support::Aws;

/// Stores a document of the folder under its name.
async fn store(aws: &Aws, name: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/documents/{name}.yaml"));
    let content = fs::read_to_string(file).unwrap();
    let request =
        json!({"Name": name, "Content": content, "DocumentType": "Automation", "DocumentFormat": "YAML"});
    aws.call("ssm", "CreateDocument", request).await;
}

/// Stores a document and starts it; the execution's id.
async fn start(aws: &Aws, name: &str, parameters: Value) -> String {
    store(aws, name).await;
    start_with(aws, json!({"DocumentName": name, "Parameters": parameters})).await
}

async fn start_with(aws: &Aws, request: Value) -> String {
    let started = aws.call("ssm", "StartAutomationExecution", request).await;
    started["AutomationExecutionId"].as_str().unwrap().to_owned()
}

/// The execution as soon as it is as wanted.
async fn when(aws: &Aws, id: &str, ready: impl Fn(&Value) -> bool) -> Value {
    let asked = json!({"AutomationExecutionId": id});
    let mut answer = aws
        .until("ssm", "GetAutomationExecution", asked, |answer| ready(&answer["AutomationExecution"]))
        .await;
    answer["AutomationExecution"].take()
}

async fn ended(aws: &Aws, id: &str) -> Value {
    when(aws, id, |execution| execution["ExecutionEndTime"].is_string()).await
}

/// Runs a document to its end, which must be this one.
async fn run(aws: &Aws, name: &str, parameters: Value, status: &str) -> Value {
    let id = start(aws, name, parameters).await;
    let execution = ended(aws, &id).await;
    assert_eq!(execution["AutomationExecutionStatus"], status, "{execution:#}");
    execution
}

fn statuses(execution: &Value) -> Vec<String> {
    let steps = execution["StepExecutions"].as_array().unwrap().iter();
    steps
        .map(|step| {
            format!("{} {}", step["StepName"].as_str().unwrap(), step["StepStatus"].as_str().unwrap())
        })
        .collect()
}

fn step<'v>(execution: &'v Value, name: &str) -> &'v Value {
    let mut steps = execution["StepExecutions"].as_array().unwrap().iter();
    steps.find(|step| step["StepName"] == name).unwrap()
}

async fn bucket_exists(aws: &Aws, bucket: &str) -> bool {
    aws.try_call("s3", "HeadBucket", json!({"Bucket": bucket})).await.is_ok()
}

async fn signal(aws: &Aws, by: &str, id: &str, signal: &str, payload: Value) -> Result<Value, String> {
    let call = Call {
        service: "ssm".to_owned(),
        api: "SendAutomationSignal".to_owned(),
        params: json!({"AutomationExecutionId": id, "SignalType": signal, "Payload": payload}),
        region: None,
        caller: Caller::User { name: by.to_owned() },
        days_ago: 0,
    };
    aws.local.context().worker().call(call).await.map_err(|error| error.code)
}

#[test]
fn the_documents_use_every_action_and_every_field_of_control_flow() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/documents");
    let runs = include_str!("documents.rs");
    let (mut texts, mut documents) = (String::new(), Vec::new());
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(runs.matches(&format!("\"{name}\"")).count() > 0, "no test runs `{name}`");
        let text = fs::read_to_string(&path).unwrap();
        documents.push(Document::parse(&text).unwrap());
        texts.push_str(&text);
    }
    assert!(documents.len() >= 20, "{}", documents.len());
    let steps: Vec<&Step> = documents.iter().flat_map(Document::all_steps).collect();
    let missing: Vec<&str> =
        ACTIONS.into_iter().filter(|action| !steps.iter().any(|s| s.action == *action)).collect();
    assert_eq!(missing, Vec::<&str>::new());
    let fields: [(&str, Is); 12] = [
        ("onFailure: step", |step| matches!(step.on_failure, OnFailure::Step(_))),
        ("onFailure: Continue", |step| step.on_failure == OnFailure::Continue),
        ("onFailure: Abort", |step| step.on_failure == OnFailure::Abort),
        ("onCancel: step", |step| matches!(step.on_cancel, OnCancel::Step(_))),
        ("isCritical", |step| !step.is_critical && step.on_failure != OnFailure::Continue),
        ("isEnd", |step| step.is_end && step.action != "aws:branch"),
        ("isEnd of a branch", |step| step.is_end && step.action == "aws:branch"),
        ("nextStep", |step| step.next_step.is_some()),
        ("maxAttempts", |step| step.max_attempts.number().is_some_and(|most| most > 1)),
        ("timeoutSeconds", |step| step.timeout_seconds.is_some()),
        ("outputs", |step| !step.outputs.is_empty()),
        ("steps of a loop", |step| !step.steps.is_empty()),
    ];
    for (field, is) in fields {
        assert!(steps.iter().any(|step| is(step)), "no step with {field}");
    }
    let words = [
        "Default:",
        "LoopCondition:",
        "Iterators:",
        "MaxIterations:",
        "And:",
        "Or:",
        "Not:",
        "variables:",
        "assumeRole:",
    ];
    let words = words.into_iter().chain(Operator::ALL.into_iter().map(|(word, _)| word));
    for word in words.chain(["onFailure: Abort", "onCancel: Abort"]) {
        assert!(texts.contains(word), "no document has {word}");
    }
}

/// What a step is asked.
type Is = fn(&Step) -> bool;

/// Every action that the user guide lists.
const ACTIONS: [&str; 23] = [
    "aws:approve",
    "aws:assertAwsResourceProperty",
    "aws:branch",
    "aws:changeInstanceState",
    "aws:copyImage",
    "aws:createImage",
    "aws:createStack",
    "aws:createTags",
    "aws:deleteImage",
    "aws:deleteStack",
    "aws:executeAutomation",
    "aws:executeAwsApi",
    "aws:executeScript",
    "aws:executeStateMachine",
    "aws:invokeLambdaFunction",
    "aws:invokeWebhook",
    "aws:loop",
    "aws:pause",
    "aws:runCommand",
    "aws:runInstances",
    "aws:sleep",
    "aws:updateVariable",
    "aws:waitForAwsResourceProperty",
];

#[tokio::test(flavor = "multi_thread")]
async fn apis_are_called_and_their_answers_selected_from() {
    let aws = Aws::start("doc-apis").await;
    let execution = run(&aws, "api-and-outputs", json!({"Name": ["doc-apis"]}), "Success").await;
    let outputs = &execution["Outputs"];
    assert_eq!(outputs["Make.Status"], json!(["200"]));
    assert_eq!(outputs["Look.Keys"], json!(["team", "run"]));
    assert_eq!(outputs["Look.Team"], json!(["blue"]));
    assert_eq!(execution["Variables"]["Seen"], json!(["blue"]));
    let tags = aws.call("s3", "GetBucketTagging", json!({"Bucket": "doc-apis"})).await;
    let id = execution["AutomationExecutionId"].as_str().unwrap();
    assert_eq!(tags["TagSet"][1]["Value"], format!("in-us-east-1-{id}"));
    assert_eq!(step(&execution, "Make")["Outputs"]["Missing"], json!([""]));

    let parameters = json!({"Words": ["one", "three"]});
    let outputs = run(&aws, "script-in-out", parameters, "Success").await["Outputs"].take();
    assert_eq!(
        outputs,
        json!({
            "Count.Longest": ["three"], "Count.Total": ["4"], "Count.Region": ["us-east-1"],
            "Count.Literal": ["{2}"], "Count.Any": ["true"],
        })
    );
    let parameters = json!({"Table": ["doc-table"]});
    let execution = run(&aws, "assert-and-wait", parameters, "Success").await;
    assert_eq!(statuses(&execution), ["Make Success", "Wait Success", "Check Success", "CheckWrong Failed"]);
    let details = &step(&execution, "CheckWrong")["FailureDetails"];
    assert_eq!(
        (&details["FailureStage"], &details["FailureType"]),
        (&json!("PostVerification"), &json!("Verification"))
    );
    aws.local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_failures_and_cancelling_lead_where_the_document_says() {
    let aws = Aws::start("doc-flow").await;
    store(&aws, "branches").await;
    for (word, output) in [("alpha", "Long.Payload"), ("beta", "Shout.Payload"), ("alaha", "Other.Payload")] {
        let id = start_with(&aws, json!({"DocumentName": "branches", "Parameters": {"Word": [word]}})).await;
        let execution = ended(&aws, &id).await;
        assert_eq!(execution["AutomationExecutionStatus"], "Success", "{execution:#}");
        let wanted = output.split('.').next().unwrap().to_lowercase();
        assert_eq!(execution["Outputs"][output], json!([wanted]), "{word}");
        assert_eq!(step(&execution, "Never")["StepStatus"], "Pending");
    }
    let execution = run(&aws, "failures-and-retries", json!({"Bucket": ["doc-rescued"]}), "Success").await;
    assert_eq!(
        statuses(&execution),
        [
            "NotCritical Failed",
            "TooSlow TimedOut",
            "PassedOver Pending",
            "Rescue Success",
            "PassedOverToo Pending",
            "Last Success",
            "Never Pending"
        ]
    );
    assert!(bucket_exists(&aws, "doc-rescued").await);
    let id = execution["AutomationExecutionId"].as_str().unwrap();
    let calls = aws.local.context().calls().of_execution(id);
    assert_eq!(calls.iter().filter(|call| call.operation == "GetBucketVersioning").count(), 2);

    let execution = run(&aws, "critical-failure", json!({}), "Failed").await;
    assert_eq!(statuses(&execution), ["Critical Failed", "After Success"]);
    let nothing = "No output available yet because the step is not successfully executed";
    assert_eq!(execution["Outputs"]["Critical.Payload"], json!([nothing]));
    let why = step(&execution, "Critical")["FailureMessage"].as_str().unwrap();
    assert!(why.starts_with("Step fails when it is Poll action status for completion. Traceback"), "{why}");
    assert!(why.contains("KeyError - 'nothing'"), "{why}");

    let id = start(&aws, "cancel-and-tidy", json!({"Bucket": ["doc-tidied"]})).await;
    when(&aws, &id, |execution| execution["CurrentStepName"] == "Hold").await;
    assert!(bucket_exists(&aws, "doc-tidied").await);
    aws.call("ssm", "StopAutomationExecution", json!({"AutomationExecutionId": id, "Type": "Cancel"})).await;
    let execution = ended(&aws, &id).await;
    assert_eq!(execution["AutomationExecutionStatus"], "Cancelled");
    assert_eq!(statuses(&execution), ["Make Success", "Hold Cancelled", "Unreached Pending", "Tidy Success"]);
    assert!(!bucket_exists(&aws, "doc-tidied").await);
    aws.local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn loops_repeat_leave_and_are_listed_by_iteration() {
    let aws = Aws::start("doc-loops").await;
    let names = ["doc-loop-a", "doc-loop-b"];
    let execution = run(&aws, "loop-iterators", json!({"Names": names}), "Success").await;
    for (index, name) in names.iter().enumerate() {
        let tags = aws.call("s3", "GetBucketTagging", json!({"Bucket": name})).await;
        assert_eq!(tags["TagSet"][0]["Value"], format!("n{}", index + 1));
    }
    assert_eq!(execution["Outputs"]["Each.CurrentIteration"], json!(["2"]));
    let picked = async |key: &str, value: &str| {
        let filter = json!([{"Key": key, "Values": [value]}]);
        let id = &execution["AutomationExecutionId"];
        let asked = json!({"AutomationExecutionId": id, "Filters": filter});
        let listed = aws.call("ssm", "DescribeAutomationStepExecutions", asked).await;
        listed["StepExecutions"].as_array().unwrap().len()
    };
    assert_eq!(picked("ParentStepIteration", "2").await, 2);
    assert_eq!(picked("ParentStepIteratorValue", "doc-loop-a").await, 2);
    let parent = step(&execution, "Each")["StepExecutionId"].as_str().unwrap();
    assert_eq!(picked("ParentStepExecutionId", parent).await, 4);

    let execution = run(&aws, "loop-condition", json!({"Queue": ["doc-loop"]}), "Success").await;
    assert_eq!(execution["Outputs"]["Fill.CurrentIteration"], json!(["3"]));
    let url = aws.call("sqs", "GetQueueUrl", json!({"QueueName": "doc-loop"})).await["QueueUrl"].clone();
    let asked = json!({"QueueUrl": url, "AttributeNames": ["ApproximateNumberOfMessages"]});
    let queue = aws.call("sqs", "GetQueueAttributes", asked).await;
    assert_eq!(queue["Attributes"]["ApproximateNumberOfMessages"], "3");

    let execution = run(&aws, "loop-exit", json!({}), "Success").await;
    assert_eq!(statuses(&execution)[..3], ["Each Exited", "Skipped Pending", "Out Success"]);
    aws.local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_resume_approve_and_reject() {
    let aws = Aws::start("doc-people").await;
    let waiting = |execution: &Value| execution["AutomationExecutionStatus"] == "Waiting";
    let id = start(&aws, "pause", json!({})).await;
    when(&aws, &id, waiting).await;
    let refused = signal(&aws, "ann", &id, "Approve", json!({})).await;
    assert_eq!(refused.unwrap_err(), "InvalidAutomationSignalException");
    signal(&aws, "ann", &id, "Resume", json!({})).await.unwrap();
    assert_eq!(ended(&aws, &id).await["AutomationExecutionStatus"], "Success");

    let topic =
        aws.call("sns", "CreateTopic", json!({"Name": "Automation-approvals"})).await["TopicArn"].clone();
    store(&aws, "approve").await;
    let ask = |bucket: &str| json!({"DocumentName": "approve", "Parameters": {"Bucket": [bucket], "Topic": [topic]}});
    let id = start_with(&aws, ask("doc-approved")).await;
    let execution = when(&aws, &id, waiting).await;
    assert_eq!(step(&execution, "Ask")["StepStatus"], "Waiting");
    let refused = signal(&aws, "eve", &id, "Approve", json!({})).await;
    assert_eq!(refused.unwrap_err(), "InvalidAutomationSignalException");
    signal(&aws, "ann", &id, "Approve", json!({"Comment": ["go on"]})).await.unwrap();
    let execution = when(&aws, &id, |execution| {
        step(execution, "Ask")["Outputs"]["ApproverDecisions"].as_array().is_some_and(|made| made.len() == 1)
    })
    .await;
    assert_eq!(step(&execution, "Ask")["Outputs"]["ApprovalStatus"], json!(["Waiting"]));
    assert!(!bucket_exists(&aws, "doc-approved").await);
    signal(&aws, "bob", &id, "Approve", json!({})).await.unwrap();
    let execution = ended(&aws, &id).await;
    assert_eq!(execution["Outputs"]["Ask.ApprovalStatus"], json!(["Approved"]));
    let decision: Value =
        serde_json::from_str(execution["Outputs"]["Ask.ApproverDecisions"][0].as_str().unwrap()).unwrap();
    assert_eq!(decision["Approver"], "arn:aws:iam::123456789012:user/ann");
    assert_eq!(decision["Comment"], "go on");
    assert!(bucket_exists(&aws, "doc-approved").await);

    let id = start_with(&aws, ask("doc-rejected")).await;
    when(&aws, &id, waiting).await;
    signal(&aws, "cid", &id, "Reject", json!({})).await.unwrap();
    let execution = ended(&aws, &id).await;
    assert_eq!(execution["AutomationExecutionStatus"], "Failed");
    assert!(!bucket_exists(&aws, "doc-rejected").await);
    let late = signal(&aws, "ann", &id, "Approve", json!({})).await;
    assert_eq!(late.unwrap_err(), "InvalidAutomationSignalException");
    aws.local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interactive_execution_is_told_each_step() {
    let aws = Aws::start("doc-interactive").await;
    store(&aws, "interactive").await;
    let id = start_with(&aws, json!({"DocumentName": "interactive", "Mode": "Interactive"})).await;
    let waiting = |execution: &Value| execution["AutomationExecutionStatus"] == "Waiting";
    let execution = when(&aws, &id, waiting).await;
    assert_eq!(execution["Mode"], "Interactive");
    let refused = signal(&aws, "ann", &id, "StartStep", json!({"StepName": ["Nope"]})).await;
    assert_eq!(refused.unwrap_err(), "AutomationStepNotFoundException");
    signal(&aws, "ann", &id, "StartStep", json!({"StepName": ["A"]})).await.unwrap();
    let execution = when(&aws, &id, |execution| step(execution, "A")["StepStatus"] == "InProgress").await;
    let slow = step(&execution, "A")["StepExecutionId"].clone();
    signal(&aws, "ann", &id, "StopStep", json!({"StepExecutionId": [slow]})).await.unwrap();
    when(&aws, &id, |execution| waiting(execution) && step(execution, "A")["StepStatus"] == "Cancelled")
        .await;
    signal(&aws, "ann", &id, "Resume", json!({"StepName": ["B"]})).await.unwrap();
    when(&aws, &id, |execution| waiting(execution) && step(execution, "B")["StepStatus"] == "Success").await;
    signal(&aws, "ann", &id, "StartStep", json!({})).await.unwrap();
    let execution = ended(&aws, &id).await;
    assert_eq!(statuses(&execution), ["A Cancelled", "B Success", "C Success"]);
    aws.local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_images_and_tags_are_made_and_taken_away() {
    let aws = Aws::start("doc-instances").await;
    let images = aws.call("ec2", "DescribeImages", json!({})).await;
    let image = images["Images"][0]["ImageId"].clone();
    let execution = run(&aws, "instances", json!({"Image": [image]}), "Success").await;
    let outputs = &execution["Outputs"];
    assert_eq!(outputs["Launch.InstanceStates"], json!(["running"]));
    assert_eq!(outputs["Picture.ImageState"], json!(["available"]));
    let asked = json!({"InstanceIds": outputs["First.Id"]});
    let instances = aws.call("ec2", "DescribeInstances", asked).await;
    let instance = &instances["Reservations"][0]["Instances"][0];
    assert_eq!(instance["State"]["Name"], "terminated");
    assert_eq!(instance["Tags"], json!([{"Key": "made-by", "Value": "runbook"}]));
    let kept = aws.call("ec2", "DescribeImages", json!({"Owners": ["self"]})).await;
    let kept: Vec<&Value> =
        kept["Images"].as_array().unwrap().iter().map(|image| &image["ImageId"]).collect();
    assert!(kept.contains(&&outputs["Copy.ImageId"][0]), "{kept:?}");
    assert!(!kept.contains(&&outputs["Picture.ImageId"][0]), "{kept:?}");

    run(&aws, "tag-parameter", json!({"Name": ["/doc/tagged"]}), "Success").await;
    let asked = json!({"ResourceType": "Parameter", "ResourceId": "/doc/tagged"});
    let tags = aws.call("ssm", "ListTagsForResource", asked).await;
    assert_eq!(tags["TagList"], json!([{"Key": "team", "Value": "blue"}]));
    aws.local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stacks_state_machines_and_functions_are_run() {
    let aws = Aws::start("doc-stacks").await;
    let execution = run(&aws, "create-stack", json!({"Name": ["doc-stack"]}), "Success").await;
    assert_eq!(execution["Outputs"]["Make.StackStatus"], json!(["CREATE_COMPLETE"]));
    aws.call("sqs", "GetQueueUrl", json!({"QueueName": "from-a-stack"})).await;
    run(&aws, "delete-stack", json!({"Name": ["doc-stack"]}), "Success").await;
    assert!(aws.try_call("sqs", "GetQueueUrl", json!({"QueueName": "from-a-stack"})).await.is_err());

    let definition = json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}).to_string();
    let made =
        json!({"name": "doc", "definition": definition, "roleArn": "arn:aws:iam::123456789012:role/any"});
    let machine = aws.call("stepfunctions", "CreateStateMachine", made).await["stateMachineArn"].clone();
    let execution = run(&aws, "state-machine", json!({"Arn": [machine]}), "Success").await;
    assert_eq!(execution["Outputs"]["Run.status"], json!(["SUCCEEDED"]));
    let output: Value =
        serde_json::from_str(execution["Outputs"]["Run.output"][0].as_str().unwrap()).unwrap();
    assert_eq!(output, json!({"greeting": "hello"}));

    let execution = run(&aws, "function", json!({"Name": ["doc-function"]}), "Success").await;
    assert_eq!(execution["Outputs"]["Call.StatusCode"], json!(["200"]));
    assert_eq!(execution["Outputs"]["Call.Said"], json!(["HELLO"]));
    aws.local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_and_webhooks_come_to_what_is_declared_on_local_aws() {
    let aws = Aws::start("doc-stubs").await;
    let execution = run(&aws, "command-and-webhook", json!({}), "Failed").await;
    let why = execution["FailureMessage"].as_str().unwrap();
    assert!(why.contains("none is declared for document AWS-RunShellScript"), "{why}");
    let stubs = json!({
        "Commands": {"AWS-RunShellScript": {"Status": "Success", "Output": "up 3 days"}},
        "Webhooks": {"chat": {"ResponseCode": 200, "Response": "thanks"}},
    });
    aws.local.context().declare(serde_json::from_value(stubs).unwrap());
    let id = start_with(&aws, json!({"DocumentName": "command-and-webhook"})).await;
    let execution = ended(&aws, &id).await;
    assert_eq!(
        execution["Outputs"],
        json!({
            "Run.Output": ["up 3 days"], "Run.Status": ["Success"], "Run.ResponseCode": ["0"],
            "Tell.Response": ["thanks"], "Tell.ResponseCode": ["200"],
        })
    );
    aws.local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_starts_many_executions_which_can_be_listed() {
    let aws = Aws::start("doc-many").await;
    store(&aws, "child").await;
    let names = ["doc-many-a", "doc-many-b", "doc-many-c"];
    let request = json!({
        "DocumentName": "child", "TargetParameterName": "Name", "MaxConcurrency": "50%", "MaxErrors": "1",
        "Targets": [{"Key": "ParameterValues", "Values": names}],
    });
    let id = start_with(&aws, request).await;
    let execution = ended(&aws, &id).await;
    assert_eq!(execution["AutomationExecutionStatus"], "Success", "{execution:#}");
    assert_eq!(
        execution["ProgressCounters"],
        json!({"TotalSteps": 3, "SuccessSteps": 3, "FailedSteps": 0, "CancelledSteps": 0, "TimedOutSteps": 0})
    );
    assert_eq!(execution["ResolvedTargets"]["ParameterValues"], json!(names));
    for name in names {
        assert!(bucket_exists(&aws, name).await, "{name}");
    }
    let children = json!({"Filters": [{"Key": "ParentExecutionId", "Values": [id]}]});
    let children = aws.call("ssm", "DescribeAutomationExecutions", children).await;
    let children = children["AutomationExecutionMetadataList"].as_array().unwrap();
    let mut targets: Vec<&str> = children.iter().map(|child| child["Target"].as_str().unwrap()).collect();
    targets.sort_unstable();
    assert_eq!(targets, names);
    assert!(children.iter().all(|child| child["ParentAutomationExecutionId"] == id.as_str()));

    let request = json!({
        "DocumentName": "child",
        "Parameters": {"Name": ["doc-many-located"]},
        "TargetLocations": [{"Accounts": ["123456789012"], "Regions": ["us-east-1"], "ExecutionRoleName": "Runner"}],
    });
    let id = start_with(&aws, request).await;
    assert_eq!(ended(&aws, &id).await["AutomationExecutionStatus"], "Success");
    assert!(bucket_exists(&aws, "doc-many-located").await);
    let across = json!({"Filters": [{"Key": "AutomationType", "Values": ["CrossAccount"]}]});
    let across = aws.call("ssm", "DescribeAutomationExecutions", across).await;
    assert_eq!(across["AutomationExecutionMetadataList"][0]["AutomationExecutionId"], id.as_str());

    let parameters = json!({"Names": ["doc-many-d", "doc-many-e"]});
    let execution = run(&aws, "parent", parameters, "Success").await;
    assert_eq!(execution["Outputs"]["Many.Status"], json!(["Success"]));
    for name in ["from-a-parent", "doc-many-d", "doc-many-e"] {
        assert!(bucket_exists(&aws, name).await, "{name}");
    }
    aws.local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_default_comes_from_parameter_store_unless_it_is_secret() {
    let aws = Aws::start("doc-store").await;
    let put = |name: &str, kind: &str| json!({"Name": "/plumb/bucket-name", "Value": name, "Type": kind, "Overwrite": true});
    aws.call("ssm", "PutParameter", put("doc-from-store", "String")).await;
    let execution = run(&aws, "parameter-store", json!({}), "Success").await;
    assert_eq!(execution["Parameters"]["Name"], json!(["doc-from-store"]));
    assert!(bucket_exists(&aws, "doc-from-store").await);
    aws.call("ssm", "DeleteParameter", json!({"Name": "/plumb/bucket-name"})).await;
    aws.call("ssm", "PutParameter", put("secret", "SecureString")).await;
    let id = start_with(&aws, json!({"DocumentName": "parameter-store"})).await;
    let execution = ended(&aws, &id).await;
    assert_eq!(execution["AutomationExecutionStatus"], "Failed");
    assert!(execution["FailureMessage"].as_str().unwrap().contains("SecureString"));
    aws.local.stop().await;
}
