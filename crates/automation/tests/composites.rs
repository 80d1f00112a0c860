//! The actions made of several calls, with every port a fake and virtual time.

#![expect(clippy::indexing_slicing, reason = "a helper that can't do its work has failed the test")]

#[cfg(test)]
#[expect(dead_code, reason = "not every test needs every fake")]
mod support;

use plumb_automation::{CommandStub, Declared, Execution, Status, WebhookStub};
use serde_json::{Value, json};
use support::World;

fn document(action: &str, inputs: &str) -> String {
    format!(
        "schemaVersion: '0.3'\nmainSteps:\n  - {{name: A, action: 'aws:{action}', timeoutSeconds: 60, inputs: {{{inputs}}}}}\n"
    )
}

/// Each call as `service:Api` and its parameters.
fn calls(world: &World) -> Vec<(String, Value)> {
    world
        .calls()
        .into_iter()
        .map(|call| (format!("{}:{}", call.service, call.api), Value::Object(call.parameters)))
        .collect()
}

fn names(world: &World) -> Vec<String> {
    calls(world).into_iter().map(|(name, _)| name).collect()
}

fn output(execution: &Execution, name: &str) -> Value {
    assert_eq!(execution.status, Status::Success, "{:?}", execution.failure_message);
    execution.steps[0].outputs[name].clone()
}

fn instances(states: &[&str]) -> Value {
    let instances: Vec<Value> = states
        .iter()
        .enumerate()
        .map(|(i, state)| json!({"InstanceId": format!("i-{i}"), "State": {"Name": state}}))
        .collect();
    json!({"Reservations": [{"Instances": instances}]})
}

#[tokio::test(start_paused = true)]
async fn running_means_that_both_status_checks_are_ok() {
    let status = |check: &str| json!({"InstanceStatuses": [{"InstanceStatus": {"Status": check}, "SystemStatus": {"Status": "ok"}}]});
    let world = World::new()
        .answer("ec2:StartInstances", json!({}))
        .answer("ec2:DescribeInstances", instances(&["pending"]))
        .answer("ec2:DescribeInstances", instances(&["running"]))
        .answer("ec2:DescribeInstanceStatus", status("initializing"))
        .answer("ec2:DescribeInstanceStatus", status("ok"));
    let text = document("changeInstanceState", "InstanceIds: [i-0], DesiredState: running");
    assert_eq!(world.run(&text, &[]).await.status, Status::Success);
    assert_eq!(
        names(&world),
        [
            "ec2:StartInstances",
            "ec2:DescribeInstances",
            "ec2:DescribeInstances",
            "ec2:DescribeInstanceStatus",
            "ec2:DescribeInstanceStatus"
        ]
    );
    assert_eq!(world.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn an_instance_can_be_stopped_by_force_or_only_looked_at() {
    let world = World::new()
        .answer("ec2:StopInstances", json!({}))
        .answer("ec2:DescribeInstances", instances(&["stopped", "stopped"]));
    let text = document("changeInstanceState", "InstanceIds: [i-0, i-1], DesiredState: stopped, Force: true");
    assert_eq!(world.run(&text, &[]).await.status, Status::Success);
    assert_eq!(calls(&world)[0].1, json!({"InstanceIds": ["i-0", "i-1"], "Force": true}));

    let world = World::new().answer("ec2:DescribeInstances", instances(&["running"]));
    let text =
        document("changeInstanceState", "InstanceIds: [i-0], DesiredState: terminated, CheckStateOnly: true");
    assert_eq!(world.run(&text, &[]).await.status, Status::TimedOut);
    assert!(names(&world).iter().all(|name| name == "ec2:DescribeInstances"));

    let text = document("changeInstanceState", "InstanceIds: [i-0], DesiredState: asleep");
    assert_eq!(World::new().run(&text, &[]).await.status, Status::Failed);
}

#[tokio::test(start_paused = true)]
async fn tags_go_to_the_service_of_their_resources() {
    let world = World::new().answer("ec2:CreateTags", json!({}));
    let text = document("createTags", "ResourceIds: [i-0, vol-1], Tags: [{Key: a, Value: b}]");
    assert_eq!(world.run(&text, &[]).await.status, Status::Success);
    assert_eq!(
        calls(&world)[0].1,
        json!({"Resources": ["i-0", "vol-1"], "Tags": [{"Key": "a", "Value": "b"}]})
    );

    let world = World::new().answer("ssm:AddTagsToResource", json!({}));
    let text =
        document("createTags", "ResourceType: Parameter, ResourceIds: [/a, /b], Tags: [{Key: a, Value: b}]");
    assert_eq!(world.run(&text, &[]).await.status, Status::Success);
    assert_eq!(names(&world), ["ssm:AddTagsToResource", "ssm:AddTagsToResource"]);

    let text = document("createTags", "ResourceType: Bucket, ResourceIds: [a], Tags: []");
    assert_eq!(World::new().run(&text, &[]).await.status, Status::Failed);
}

#[tokio::test(start_paused = true)]
async fn an_image_is_waited_for() {
    let image = |state: &str| json!({"Images": [{"State": state}]});
    let world = World::new()
        .answer("ec2:CreateImage", json!({"ImageId": "ami-1"}))
        .answer("ec2:DescribeImages", image("pending"))
        .answer("ec2:DescribeImages", image("available"));
    let text = document("createImage", "InstanceId: i-0, ImageName: n, ImageDescription: d, NoReboot: true");
    let execution = world.run(&text, &[]).await;
    assert_eq!(output(&execution, "ImageId"), "ami-1");
    assert_eq!(output(&execution, "ImageState"), "available");
    assert_eq!(
        calls(&world)[0].1,
        json!({"InstanceId": "i-0", "Name": "n", "Description": "d", "NoReboot": true})
    );

    let world = World::new()
        .answer("ec2:CopyImage", json!({"ImageId": "ami-2"}))
        .answer("ec2:DescribeImages", image("failed"));
    let text = document("copyImage", "SourceRegion: eu-west-1, SourceImageId: ami-1, ImageName: n");
    let execution = world.run(&text, &[]).await;
    assert!(execution.failure_message.unwrap().contains("Image ami-2 is failed"));
    assert_eq!(
        calls(&world)[0].1,
        json!({"SourceRegion": "eu-west-1", "SourceImageId": "ami-1", "Name": "n"})
    );
    let text = document("copyImage", "SourceImageId: ami-1, ImageName: n");
    assert_eq!(World::new().run(&text, &[]).await.status, Status::Failed);
}

#[tokio::test(start_paused = true)]
async fn an_image_is_deleted_with_its_snapshots() {
    let devices =
        json!([{"Ebs": {"SnapshotId": "snap-1"}}, {"VirtualName": "x"}, {"Ebs": {"SnapshotId": "snap-2"}}]);
    let world = World::new()
        .answer("ec2:DescribeImages", json!({"Images": [{"BlockDeviceMappings": devices}]}))
        .answer("ec2:DeregisterImage", json!({}))
        .answer("ec2:DeleteSnapshot", json!({}));
    let execution = world.run(&document("deleteImage", "ImageId: ami-1"), &[]).await;
    assert_eq!(execution.status, Status::Success);
    let snapshots: Vec<Value> =
        calls(&world)[2..].iter().map(|(_, given)| given["SnapshotId"].clone()).collect();
    assert_eq!(snapshots, ["snap-1", "snap-2"]);
}

#[tokio::test(start_paused = true)]
async fn instances_are_launched_with_the_names_of_the_api() {
    let world = World::new()
        .answer("ec2:RunInstances", json!({"Instances": [{"InstanceId": "i-0"}, {"InstanceId": "i-1"}]}))
        .answer("ec2:DescribeInstances", instances(&["running", "pending"]))
        .answer("ec2:DescribeInstances", instances(&["running", "running"]));
    let text = document(
        "runInstances",
        "ImageId: ami-1, MinInstanceCount: 2, MaxInstanceCount: 2, IamInstanceProfileName: p, SubnetId: s",
    );
    let execution = world.run(&text, &[]).await;
    assert_eq!(output(&execution, "InstanceIds"), json!(["i-0", "i-1"]));
    assert_eq!(output(&execution, "InstanceStates"), json!(["running", "running"]));
    assert_eq!(
        calls(&world)[0].1,
        json!({
            "ImageId": "ami-1", "InstanceType": "m1.small", "MinCount": 2, "MaxCount": 2,
            "IamInstanceProfile": {"Name": "p"}, "SubnetId": "s",
        })
    );
    let world = World::new()
        .answer("ec2:RunInstances", json!({"Instances": [{"InstanceId": "i-0"}]}))
        .answer("ec2:DescribeInstances", instances(&["terminated"]));
    assert_eq!(world.run(&document("runInstances", "ImageId: ami-1"), &[]).await.status, Status::Failed);
}

fn stack(status: &str) -> Value {
    json!({"Stacks": [{"StackId": "arn:stack/s/1", "StackName": "s", "StackStatus": status, "StackStatusReason": "why"}]})
}

#[tokio::test(start_paused = true)]
async fn a_stack_is_waited_for() {
    let text = document("createStack", "StackName: s, TemplateBody: '{}', Capabilities: [CAPABILITY_IAM]");
    let world = World::new()
        .answer("cloudformation:CreateStack", json!({"StackId": "arn:stack/s/1"}))
        .answer("cloudformation:DescribeStacks", stack("CREATE_IN_PROGRESS"))
        .answer("cloudformation:DescribeStacks", stack("CREATE_COMPLETE"));
    let execution = world.run(&text, &[]).await;
    assert_eq!(output(&execution, "StackId"), "arn:stack/s/1");
    assert_eq!(output(&execution, "StackStatus"), "CREATE_COMPLETE");
    let world = World::new()
        .answer("cloudformation:CreateStack", json!({"StackId": "arn:stack/s/1"}))
        .answer("cloudformation:DescribeStacks", stack("ROLLBACK_COMPLETE"));
    let message = world.run(&text, &[]).await.failure_message.unwrap();
    assert!(message.contains("Stack s is ROLLBACK_COMPLETE: why"), "{message}");
    let neither = document("createStack", "StackName: s");
    assert_eq!(World::new().run(&neither, &[]).await.status, Status::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_stack_is_waited_for_by_its_id() {
    let text = document("deleteStack", "StackName: s");
    let world = World::new()
        .answer("cloudformation:DescribeStacks", stack("CREATE_COMPLETE"))
        .answer("cloudformation:DeleteStack", json!({}))
        .answer("cloudformation:DescribeStacks", stack("DELETE_IN_PROGRESS"))
        .answer("cloudformation:DescribeStacks", stack("DELETE_COMPLETE"));
    assert_eq!(world.run(&text, &[]).await.status, Status::Success);
    assert_eq!(calls(&world)[2].1, json!({"StackName": "arn:stack/s/1"}));

    let world = World::new()
        .answer("cloudformation:DescribeStacks", stack("CREATE_COMPLETE"))
        .answer("cloudformation:DeleteStack", json!({}))
        .answer("cloudformation:DescribeStacks", stack("DELETE_FAILED"));
    assert_eq!(world.run(&text, &[]).await.status, Status::Failed);
    let world = World::new().refuse("cloudformation:DescribeStacks", "AccessDenied");
    assert_eq!(world.run(&text, &[]).await.status, Status::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_function_is_given_input_payload_before_payload() {
    let answer = json!({"StatusCode": 200, "Payload": r#"{"Retry": true}"#});
    let text = "
schemaVersion: '0.3'
mainSteps:
  - name: A
    action: aws:invokeLambdaFunction
    inputs: {FunctionName: f, Payload: '{}', InputPayload: {a: [1]}}
    outputs: [{Name: Retry, Selector: $.Retry, Type: Boolean}, {Name: Body, Selector: $.Payload}]
";
    let world = World::new().answer("lambda:Invoke", answer.clone());
    let execution = world.run(text, &[]).await;
    assert_eq!(output(&execution, "StatusCode"), "200");
    assert_eq!(output(&execution, "Payload"), r#"{"Retry": true}"#);
    assert_eq!(output(&execution, "Retry"), true);
    assert_eq!(output(&execution, "Body"), r#"{"Retry": true}"#);
    assert_eq!(calls(&world)[0].1, json!({"FunctionName": "f", "Payload": r#"{"a":[1]}"#}));

    let world = World::new()
        .answer("lambda:Invoke", json!({"StatusCode": 200, "FunctionError": "Unhandled", "Payload": "{}"}));
    let execution = world.run(text, &[]).await;
    assert_eq!(output(&execution, "FunctionError"), "Unhandled");

    let large = json!({"StatusCode": 200, "Payload": "x".repeat(205_000)});
    assert_eq!(World::new().answer("lambda:Invoke", large).run(text, &[]).await.status, Status::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_state_machine_is_waited_for() {
    let text = document("executeStateMachine", "stateMachineArn: arn, input: {a: 1}");
    let world = World::new()
        .answer("stepfunctions:StartExecution", json!({"executionArn": "arn:run"}))
        .answer("stepfunctions:DescribeExecution", json!({"status": "RUNNING"}))
        .answer("stepfunctions:DescribeExecution", json!({"status": "SUCCEEDED", "output": "{}"}));
    let execution = world.run(&text, &[]).await;
    assert_eq!(output(&execution, "output"), "{}");
    assert_eq!(calls(&world)[0].1, json!({"stateMachineArn": "arn", "input": r#"{"a":1}"#}));
    let world = World::new()
        .answer("stepfunctions:StartExecution", json!({"executionArn": "arn:run"}))
        .answer("stepfunctions:DescribeExecution", json!({"status": "FAILED", "error": "E", "cause": "c"}));
    assert!(world.run(&text, &[]).await.failure_message.unwrap().contains("status FAILED: E c"));
}

#[tokio::test(start_paused = true)]
async fn commands_and_webhooks_come_to_what_is_declared() {
    let declared: Declared = serde_json::from_value(json!({
        "Commands": {
            "AWS-RunShellScript": {"Status": "Success", "Output": "done"},
            "broken": {"Status": "Failed", "ResponseCode": 2, "Output": "no such file"},
        },
        "Webhooks": {
            "chat": {"ResponseCode": 200, "Response": "ok"},
            "down": {"ResponseCode": 503},
        },
    }))
    .unwrap();
    assert_eq!(
        declared.commands["broken"],
        CommandStub { status: "Failed".into(), response_code: 2, output: "no such file".into() }
    );
    assert_eq!(declared.webhooks["down"], WebhookStub { response_code: 503, response: String::new() });
    let run = async |action: &str, inputs: &str| {
        World::new().declare(declared.clone()).run(&document(action, inputs), &[]).await
    };
    let execution = run(
        "runCommand",
        "DocumentName: AWS-RunShellScript, InstanceIds: [i-0], Parameters: {commands: [ls]}",
    )
    .await;
    assert_eq!(output(&execution, "Output"), "done");
    assert_eq!(output(&execution, "ResponseCode"), "0");
    assert_eq!(output(&execution, "CommandId").as_str().unwrap().len(), 36);
    let execution = run("invokeWebhook", "IntegrationName: chat, Body: hello").await;
    assert_eq!(output(&execution, "Response"), "ok");
    for (action, inputs, why) in [
        ("runCommand", "DocumentName: broken, InstanceIds: [i-0]", "status Failed: no such file"),
        ("runCommand", "DocumentName: other, InstanceIds: [i-0]", "none is declared for document other"),
        ("runCommand", "DocumentName: AWS-RunShellScript", "One of InstanceIds and Targets is required"),
        ("invokeWebhook", "IntegrationName: down", "answered 503"),
        ("invokeWebhook", "IntegrationName: other", "none is declared for integration other"),
    ] {
        let execution = run(action, inputs).await;
        assert_eq!(execution.status, Status::Failed, "{inputs}");
        let message = execution.failure_message.unwrap();
        assert!(message.contains(why), "{message}");
    }
}
