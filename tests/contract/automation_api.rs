//! Systems Manager Automation on local AWS, driven by the Rust SDK: what it says is what the SDK understands.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{path::Path, time::Duration};

use aws_sdk_ssm::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    types::{
        AutomationExecution, AutomationExecutionFilter, AutomationExecutionFilterKey,
        AutomationExecutionStatus, DocumentFormat, DocumentPermissionType, DocumentType, ExecutionMode,
        SignalType, StopType, Target,
    },
};
use plumb_local::{LocalAws, Options};

const DOCUMENT: &str = "
schemaVersion: '0.3'
parameters: {Name: {type: String}}
mainSteps:
  - {name: Hold, action: 'aws:pause', inputs: {}}
  - name: Make
    action: aws:executeAwsApi
    inputs: {Service: s3, Api: CreateBucket, Bucket: '{{ Name }}'}
    outputs: [{Name: Location, Selector: $.Location}]
outputs: [Make.Location]
";

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_sdk_reads_every_answer() {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.plumb/venv");
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("automation-api");
    let local = LocalAws::start(Options { venv: Some(venv), ..Options::new(home) }).await.unwrap();
    let client = client(&local, None);

    documents_are_made_and_described(&client).await;
    an_execution_is_started_signalled_and_read(&client).await;
    many_are_started_listed_and_stopped(&client).await;
    errors_have_their_types(&client).await;
    a_session_token_names_who_approves(&local, &client).await;
    local.stop().await;
}

fn client(local: &LocalAws, session: Option<&str>) -> Client {
    let config = aws_sdk_ssm::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::from_keys("test", "test", session.map(str::to_owned)))
        .endpoint_url(local.endpoint())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

async fn documents_are_made_and_described(client: &Client) {
    let create = client.create_document().name("hold-and-make").content(DOCUMENT);
    let created = create
        .document_type(DocumentType::Automation)
        .document_format(DocumentFormat::Yaml)
        .send()
        .await
        .unwrap();
    let description = created.document_description().unwrap();
    assert_eq!(description.parameters().len(), 1);
    assert!(description.created_date().is_some());
    let got = client.get_document().name("hold-and-make").send().await.unwrap();
    assert_eq!(got.content(), Some(DOCUMENT));
    let described = client.describe_document().name("hold-and-make").send().await.unwrap();
    assert_eq!(described.document().unwrap().default_version(), Some("1"));
    let changed = DOCUMENT.replace("{type: String}}", "{type: String}, More: {type: String, default: x}}");
    client
        .update_document()
        .name("hold-and-make")
        .content(changed)
        .document_format(DocumentFormat::Yaml)
        .document_version("$LATEST")
        .send()
        .await
        .unwrap();
    let listed = client.list_documents().send().await.unwrap();
    assert_eq!(listed.document_identifiers().len(), 1);
    let share = client.modify_document_permission().name("hold-and-make");
    share
        .permission_type(DocumentPermissionType::Share)
        .account_ids_to_add("210987654321")
        .send()
        .await
        .unwrap();
}

async fn an_execution_is_started_signalled_and_read(client: &Client) {
    let start = client.start_automation_execution().document_name("hold-and-make");
    let started = start.parameters("Name", vec!["made-by-rust".to_owned()]).send().await.unwrap();
    let id = started.automation_execution_id().unwrap();
    until(client, id, &AutomationExecutionStatus::Waiting).await;
    client
        .send_automation_signal()
        .automation_execution_id(id)
        .signal_type(SignalType::Resume)
        .send()
        .await
        .unwrap();
    let execution = until(client, id, &AutomationExecutionStatus::Success).await;
    assert_eq!(execution.mode(), Some(&ExecutionMode::Auto));
    assert!(execution.execution_end_time().is_some());
    assert_eq!(execution.outputs().unwrap()["Make.Location"], ["/made-by-rust"]);
    let steps =
        client.describe_automation_step_executions().automation_execution_id(id).send().await.unwrap();
    let names: Vec<_> = steps.step_executions().iter().filter_map(|step| step.step_name()).collect();
    assert_eq!(names, ["Hold", "Make"]);
}

async fn many_are_started_listed_and_stopped(client: &Client) {
    let target = Target::builder().key("ParameterValues").values("rust-a").values("rust-b").build();
    let start = client.start_automation_execution().document_name("hold-and-make");
    let started = start.target_parameter_name("Name").targets(target).max_errors("1").send().await.unwrap();
    let id = started.automation_execution_id().unwrap();
    let children = AutomationExecutionFilter::builder()
        .key(AutomationExecutionFilterKey::ParentExecutionId)
        .values(id)
        .build()
        .unwrap();
    for _ in 0..100 {
        let listed = client.describe_automation_executions().filters(children.clone()).send().await.unwrap();
        if let [child] = listed.automation_execution_metadata_list() {
            assert_eq!(child.target(), Some("rust-a"));
            let stop = client.stop_automation_execution().automation_execution_id(id);
            stop.r#type(StopType::Cancel).send().await.unwrap();
            let ended = until(client, id, &AutomationExecutionStatus::Cancelled).await;
            assert_eq!(ended.progress_counters().unwrap().cancelled_steps(), 1);
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no child was started");
}

async fn errors_have_their_types(client: &Client) {
    let start = client.start_automation_execution().document_name("nonesuch").send().await.unwrap_err();
    assert!(start.into_service_error().is_automation_definition_not_found_exception());
    let start = client.start_automation_execution().document_name("hold-and-make").send().await.unwrap_err();
    assert!(start.into_service_error().is_invalid_automation_execution_parameters_exception());
    let unknown = "00000000-0000-0000-0000-000000000000";
    let get = client.get_automation_execution().automation_execution_id(unknown).send().await.unwrap_err();
    assert!(get.into_service_error().is_automation_execution_not_found_exception());
}

async fn a_session_token_names_who_approves(local: &LocalAws, outsider: &Client) {
    let content =
        "{schemaVersion: '0.3', mainSteps: [{name: Ask, action: 'aws:approve', inputs: {Approvers: [ann]}}]}";
    let create = outsider.create_document().name("ask-ann").content(content);
    create
        .document_type(DocumentType::Automation)
        .document_format(DocumentFormat::Yaml)
        .send()
        .await
        .unwrap();
    let started = outsider.start_automation_execution().document_name("ask-ann").send().await.unwrap();
    let id = started.automation_execution_id().unwrap();
    until(outsider, id, &AutomationExecutionStatus::Waiting).await;
    let approve = async |client: &Client| {
        let signal = client.send_automation_signal().automation_execution_id(id);
        signal.signal_type(SignalType::Approve).send().await
    };
    let refused = approve(outsider).await.unwrap_err();
    assert!(refused.into_service_error().is_invalid_automation_signal_exception());
    approve(&client(local, Some("plumb-user/ann"))).await.unwrap();
    until(outsider, id, &AutomationExecutionStatus::Success).await;
}

async fn until(client: &Client, id: &str, status: &AutomationExecutionStatus) -> AutomationExecution {
    for _ in 0..100 {
        let got = client.get_automation_execution().automation_execution_id(id).send().await.unwrap();
        let execution = got.automation_execution().unwrap();
        if execution.automation_execution_status() == Some(status) {
            return execution.clone();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{id} never came to {status}");
}
