//! One request that starts many executions, with every port a fake and virtual time.

#![expect(clippy::unwrap_used, reason = "a helper that can't do its work has failed the test")]

#[cfg(test)]
#[expect(dead_code, reason = "not every test needs every fake")]
mod support;

use std::time::Duration;

use plumb_automation::{Document, Execution, Spread, Status, Stop, wire};
use serde_json::{Value, json};
use support::{World, steps};

const NAP: &str = "
schemaVersion: '0.3'
parameters: {Id: {type: String}}
mainSteps: [{name: Nap, action: 'aws:sleep', inputs: {Duration: PT10S}}]
";

const ACT: &str = "
schemaVersion: '0.3'
parameters: {Id: {type: String}, Size: {type: Integer, default: 1}}
mainSteps: [{name: Act, action: 'aws:executeAwsApi', inputs: {Service: x, Api: Y, Id: '{{ Id }}', Size: '{{ Size }}'}}]
";

fn values(count: usize, concurrency: &str, errors: &str) -> Value {
    let values: Vec<String> = (0..count).map(|number| format!("t{number}")).collect();
    json!({
        "TargetParameterName": "Id",
        "Targets": [{"Key": "ParameterValues", "Values": values}],
        "MaxConcurrency": concurrency,
        "MaxErrors": errors,
    })
}

async fn run(world: &World, text: &str, request: &Value) -> Execution {
    let (_stopper, task) = world.run_many(text, request);
    task.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn executions_are_started_one_then_two_then_twice_as_many() {
    let world = World::new();
    let execution = run(&world, NAP, &values(11, "4", "0")).await;
    assert_eq!(execution.status, Status::Success);
    let begun = execution.started_at;
    let after: Vec<i64> =
        execution.steps.iter().map(|step| step.started_at.unwrap().duration_since(begun).as_secs()).collect();
    assert_eq!(after, [0, 10, 10, 20, 20, 20, 20, 30, 30, 30, 30]);
    let shape = wire::automation_execution(&execution);
    assert_eq!(shape["ProgressCounters"]["SuccessSteps"], 11);
    assert_eq!(shape["ResolvedTargets"]["ParameterValues"][10], "t10");
    assert_eq!(shape["MaxConcurrency"], "4");
    assert_eq!(shape["TargetParameterName"], "Id");
}

#[tokio::test(start_paused = true)]
async fn no_more_are_started_once_there_are_too_many_errors() {
    for (errors, started) in [("0", 1), ("3", 4), ("10%", 6), ("100", 50)] {
        let world = World::new().refuse("x:Y", "No");
        let execution = run(&world, ACT, &values(50, "1", errors)).await;
        assert_eq!(world.calls().len(), started, "{errors}");
        let status = if errors == "100" { Status::Success } else { Status::Failed };
        assert_eq!(execution.status, status, "{errors}");
        assert_eq!(execution.spread.unwrap().counters.failed, started, "{errors}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tag_or_a_group_stands_for_its_resources() {
    let answer = |list: &str, member: &str| json!({list: [{member: "arn:aws:ec2:us-east-1:123456789012:instance/i-1"}, {member: "arn:aws:s3:::bucket"}]});
    let world = World::new()
        .answer("resourcegroupstaggingapi:GetResources", answer("ResourceTagMappingList", "ResourceARN"))
        .answer("resource-groups:ListGroupResources", answer("ResourceIdentifiers", "ResourceArn"))
        .answer("x:Y", json!({}));
    for target in
        [json!({"Key": "tag:Team", "Values": ["a"]}), json!({"Key": "ResourceGroup", "Values": ["g"]})]
    {
        let request = json!({"TargetParameterName": "Id", "Targets": [target]});
        let execution = run(&world, ACT, &request).await;
        assert_eq!(steps(&execution), ["i-1 Success", "bucket Success"]);
    }
    assert_eq!(
        Value::Object(world.calls()[0].parameters.clone()),
        json!({"TagFilters": [{"Key": "Team", "Values": ["a"]}]})
    );
    let world = World::new().refuse("resourcegroupstaggingapi:GetResources", "AccessDenied");
    let request = json!({"TargetParameterName": "Id", "Targets": [{"Key": "tag:Team", "Values": ["a"]}]});
    assert_eq!(run(&world, ACT, &request).await.status, Status::Failed);
}

#[tokio::test(start_paused = true)]
async fn target_maps_give_each_execution_its_own_parameters() {
    let world = World::new().answer("x:Y", json!({}));
    let request = json!({"TargetMaps": [{"Id": ["a"], "Size": ["5"]}, {"Id": ["b"], "Size": ["6"]}]});
    let execution = run(&world, ACT, &request).await;
    assert_eq!(execution.status, Status::Success, "{:?}", execution.failure_message);
    let given: Vec<Value> = world.calls().iter().map(|call| Value::Object(call.parameters.clone())).collect();
    assert_eq!(given, [json!({"Id": "a", "Size": 5}), json!({"Id": "b", "Size": 6})]);
}

#[tokio::test(start_paused = true)]
async fn a_parameter_that_does_not_fit_fails_its_own_execution_only() {
    let world = World::new().answer("x:Y", json!({}));
    let request = json!({"TargetMaps": [{"Id": ["a"], "Size": ["large"]}, {"Id": ["b"]}], "MaxErrors": "1"});
    let execution = run(&world, ACT, &request).await;
    assert_eq!(execution.status, Status::Success);
    assert_eq!(execution.spread.unwrap().counters.failed, 1);
    assert_eq!(world.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn locations_are_regions_of_this_account_with_a_role_of_its_own() {
    let text = ACT.replace("{type: String}", "{type: String, default: d}");
    let world = World::new().answer("x:Y", json!({}));
    let location = json!({
        "Accounts": ["123456789012", "999999999999"], "ExcludeAccounts": ["999999999999"],
        "Regions": ["us-east-1", "eu-west-1"], "ExecutionRoleName": "Runner",
    });
    let execution = run(&world, &text, &json!({"TargetLocations": [location]})).await;
    assert_eq!(execution.status, Status::Success, "{:?}", execution.failure_message);
    let made: Vec<(String, Option<String>)> =
        world.calls().into_iter().map(|call| (call.region, call.assume_role)).collect();
    let role = Some("arn:aws:iam::123456789012:role/Runner".to_owned());
    assert_eq!(made, [("us-east-1".to_owned(), role.clone()), ("eu-west-1".to_owned(), role)]);
    assert_eq!(wire::automation_type(&execution), "CrossAccount");

    let elsewhere = json!({"Accounts": ["999999999999", "123456789012"], "Regions": ["us-east-1"]});
    let execution = run(&world, &text, &json!({"TargetLocations": [elsewhere]})).await;
    assert_eq!(execution.status, Status::Failed);
    assert_eq!(steps(&execution), ["999999999999:us-east-1 Failed"]);
    assert!(execution.steps[0].failure_message.as_ref().unwrap().contains("is not here"));
}

#[tokio::test(start_paused = true)]
async fn each_location_has_its_own_targets_and_limits() {
    let world = World::new().answer("x:Y", json!({}));
    let request = json!({
        "TargetParameterName": "Id",
        "Targets": [{"Key": "ParameterValues", "Values": ["a", "b"]}],
        "TargetLocations": [{
            "Accounts": ["123456789012"], "Regions": ["us-east-1", "eu-west-1"],
            "TargetLocationMaxConcurrency": "2", "TargetsMaxConcurrency": "1", "TargetsMaxErrors": "0",
        }],
    });
    let execution = run(&world, ACT, &request).await;
    assert_eq!(execution.status, Status::Success, "{:?}", execution.failure_message);
    assert_eq!(world.calls().len(), 4);
    assert_eq!(execution.spread.unwrap().counters.total, 2);
}

#[tokio::test(start_paused = true)]
async fn cancelling_the_one_cancels_the_many() {
    let world = World::new();
    let (stopper, task) = world.run_many(NAP, &values(5, "5", "0"));
    tokio::time::sleep(Duration::from_secs(15)).await;
    stopper.stop(Stop::Cancel);
    let execution = task.await.unwrap();
    assert_eq!(execution.status, Status::Cancelled);
    assert_eq!(steps(&execution), ["t0 Success", "t1 Cancelled", "t2 Cancelled"]);
    assert_eq!(execution.spread.unwrap().counters.cancelled, 2);
}

#[tokio::test(start_paused = true)]
async fn a_step_can_start_a_document_on_many_targets() {
    let text = "
schemaVersion: '0.3'
parameters: {Ids: {type: StringList, default: [a, b, c]}}
mainSteps:
  - name: All
    action: aws:executeAutomation
    inputs:
      DocumentName: act
      TargetParameterName: Id
      Targets: [{Key: ParameterValues, Values: ['{{ Ids }}']}]
      MaxConcurrency: 50%
      MaxErrors: 0
      RuntimeParameters: {Size: 7}
";
    let world = World::new().document("act", ACT).answer("x:Y", json!({}));
    let execution = world.run(text, &[]).await;
    assert_eq!(execution.status, Status::Success, "{:?}", execution.failure_message);
    let given: Vec<Value> = world.calls().iter().map(|call| Value::Object(call.parameters.clone())).collect();
    assert_eq!(given[2], json!({"Id": "c", "Size": 7}));
    let world = World::new().document("act", ACT).refuse("x:Y", "No");
    assert_eq!(world.run(text, &[]).await.status, Status::Failed);
    assert_eq!(world.calls().len(), 1);
}

#[test]
fn a_request_that_cannot_be_spread_is_refused() {
    let document = Document::parse(ACT).unwrap();
    let read =
        |request: Value| Spread::read(request.as_object().unwrap(), &document).map_err(|error| error.code);
    assert_eq!(read(json!({"DocumentName": "x", "Targets": []})), Ok(None));
    let target = json!([{"Key": "ParameterValues", "Values": ["a"]}]);
    for request in [
        json!({"TargetParameterName": "Id"}),
        json!({"Targets": target}),
        json!({"Targets": "a"}),
        json!({"TargetParameterName": "Id", "Targets": [target[0], target[0]]}),
        json!({"TargetParameterName": "Id", "Targets": target, "TargetMaps": [{"Id": ["a"]}]}),
        json!({"TargetParameterName": "Id", "Targets": [{"Key": "Colour", "Values": ["a"]}]}),
        json!({"TargetParameterName": "Id", "Targets": target, "MaxErrors": "some"}),
        json!({"TargetMaps": vec![json!({"Id": ["a"]}); 301]}),
        json!({"TargetLocations": vec![json!({}); 101]}),
    ] {
        assert_eq!(read(request.clone()), Err("InvalidTarget"), "{request}");
    }
    let unknown = json!({"TargetParameterName": "Other", "Targets": target});
    assert_eq!(read(unknown), Err("InvalidAutomationExecutionParametersException"));
}
