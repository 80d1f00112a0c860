//! The interpreter on documents, with every port a fake and virtual time.

#[cfg(test)]
#[expect(dead_code, reason = "not every test needs every fake")]
mod support;

use std::time::Duration;

use plumb_automation::{FailureStage, FailureType, ScriptError, ScriptSource, Status, Stop, wire};
use serde_json::{Value, json};
use support::{World, steps};

/// A document with these steps.
fn document(steps: &str) -> String {
    format!("schemaVersion: '0.3'\nmainSteps:\n{steps}")
}

const INSPECT_FIX_VERIFY: &str = "
description: Keeps a bucket private
schemaVersion: '0.3'
assumeRole: '{{ AutomationAssumeRole }}'
parameters:
  BucketName: {type: String, allowedPattern: '^[a-z0-9.-]{3,63}$'}
  AutomationAssumeRole: {type: AWS::IAM::Role::Arn}
outputs: [Inspect.Found, Inspect.Compliant, Inspect.Before, Fix.OutputPayload]
mainSteps:
  - name: Inspect
    action: aws:executeScript
    inputs:
      Runtime: python3.11
      Handler: inspect
      InputPayload: {Bucket: '{{ BucketName }}', Keep: '{{ global:REGION }}'}
      Script: 'def inspect(e, c): return {{}}'
    outputs:
      - {Name: Found, Selector: $.Payload.Found, Type: Boolean}
      - {Name: Compliant, Selector: $.Payload.Compliant, Type: Boolean}
      - {Name: Before, Selector: $.Payload.Before, Type: String}
  - name: Decide
    action: aws:branch
    isEnd: true
    inputs:
      Choices: [{NextStep: Fix, Variable: '{{ Inspect.Compliant }}', BooleanEquals: false}]
  - name: Fix
    action: aws:executeAwsApi
    inputs:
      Service: s3
      Api: PutPublicAccessBlock
      Bucket: '{{ BucketName }}'
      PublicAccessBlockConfiguration: {BlockPublicAcls: true}
  - name: Verify
    action: aws:assertAwsResourceProperty
    inputs:
      Service: s3
      Api: GetPublicAccessBlock
      Bucket: '{{ BucketName }}'
      PropertySelector: $.PublicAccessBlockConfiguration.BlockPublicAcls
      DesiredValues: ['True']
    isEnd: true
";

const PARAMETERS: [(&str, &str); 2] =
    [("BucketName", "my-bucket"), ("AutomationAssumeRole", "arn:aws:iam::123456789012:role/fix")];

fn bucket(compliant: bool) -> World {
    World::new()
        .script("inspect", move |_| {
            Ok(json!({"Found": true, "Compliant": compliant, "Before": r#"{"a":"b=c"}"#}))
        })
        .answer("s3:PutPublicAccessBlock", json!({}))
        .answer(
            "s3:GetPublicAccessBlock",
            json!({"PublicAccessBlockConfiguration": {"BlockPublicAcls": true}}),
        )
}

#[tokio::test(start_paused = true)]
async fn a_runbook_inspects_fixes_and_verifies() {
    let world = bucket(false);
    let execution = world.run(INSPECT_FIX_VERIFY, &PARAMETERS).await;

    assert_eq!(execution.status, Status::Success, "{:?}", execution.failure_message);
    assert_eq!(steps(&execution), ["Inspect Success", "Decide Success", "Fix Success", "Verify Success"]);
    let calls = world.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0].api, "PutPublicAccessBlock");
    assert_eq!(calls[0].method(), "put_public_access_block");
    assert_eq!(calls[0].origin.step, "Fix");
    assert_eq!(calls[0].assume_role.as_deref(), Some("arn:aws:iam::123456789012:role/fix"));
    assert_eq!(
        Value::Object(calls[0].parameters.clone()),
        json!({"Bucket": "my-bucket", "PublicAccessBlockConfiguration": {"BlockPublicAcls": true}})
    );
    let job = &world.jobs()[0];
    assert_eq!(job.source, ScriptSource::Inline("def inspect(e, c): return {{}}".into()));
    assert_eq!(Value::Object(job.payload.clone()), json!({"Bucket": "my-bucket", "Keep": "us-east-1"}));
    assert_eq!(job.context["automation:EXECUTION_ID"], "eeca120b-a321-433e-9635-dab369006a6b");
    assert_eq!(job.context["global:DATE_TIME"], "2024-11-29_19.43.20");
}

#[tokio::test(start_paused = true)]
async fn every_change_of_status_is_told_in_order() {
    let world = bucket(false);
    world.run(INSPECT_FIX_VERIFY, &PARAMETERS).await;
    assert_eq!(
        world.log(),
        [
            "execution InProgress",
            "Inspect InProgress",
            "Inspect Success",
            "Decide InProgress",
            "Decide Success",
            "Fix InProgress",
            "Fix Success",
            "Verify InProgress",
            "Verify Success",
            "execution Success"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_branch_that_ends_leaves_the_rest_pending() {
    let world = bucket(true);
    let execution = world.run(INSPECT_FIX_VERIFY, &PARAMETERS).await;
    assert_eq!(execution.status, Status::Success);
    assert_eq!(steps(&execution), ["Inspect Success", "Decide Success", "Fix Pending", "Verify Pending"]);
    assert!(world.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_execution_is_rendered_as_aws_renders_it() {
    let execution = bucket(true).run(INSPECT_FIX_VERIFY, &PARAMETERS).await;
    let shape = wire::automation_execution(&execution);
    assert_eq!(shape["AutomationExecutionStatus"], "Success");
    assert_eq!(shape["Parameters"]["BucketName"], json!(["my-bucket"]));
    assert_eq!(
        shape["Outputs"],
        json!({
            "Inspect.Found": ["true"],
            "Inspect.Compliant": ["true"],
            "Inspect.Before": [r#"{"a":"b=c"}"#],
            "Fix.OutputPayload": ["No output available yet because the step is not successfully executed"],
        })
    );
    let step = &shape["StepExecutions"][0];
    assert_eq!(step["Inputs"]["Runtime"], r#""python3.11""#);
    assert_eq!(step["Inputs"]["InputPayload"], r#"{"Bucket":"my-bucket","Keep":"us-east-1"}"#);
    assert_eq!(
        step["Outputs"]["Payload"],
        json!([r#"{"Before":"{\"a\":\"b\u003dc\"}","Compliant":true,"Found":true}"#])
    );
    assert_eq!(step["StepStatus"], "Success");
    assert_eq!(step["ValidNextSteps"], json!(["Decide"]));
    assert_eq!(shape["StepExecutions"][1]["ValidNextSteps"], json!(["Fix"]));
    assert_eq!(shape["StepExecutions"][2]["StepStatus"], "Pending");
    assert_eq!(shape["ExecutionStartTime"], json!(1_732_909_400.0));
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_fails_in_the_words_of_aws() {
    let world = World::new().refuse("s3:GetBucketPolicy", "AccessDenied");
    let text = document(
        "
  - {name: A, action: 'aws:executeAwsApi', inputs: {Service: S3, Api: get_bucket_policy}}
  - {name: B, action: 'aws:sleep', inputs: {Duration: PT1S}}",
    );
    let execution = world.run(&text, &[]).await;
    assert_eq!(execution.status, Status::Failed);
    assert_eq!(steps(&execution), ["A Failed", "B Pending"]);
    let message = "Step fails when it is Execute/Cancelling action. An error occurred (AccessDenied) when calling the \
                   GetBucketPolicy operation: no. Please refer to Automation Service Troubleshooting Guide for more \
                   diagnosis details.";
    assert_eq!(execution.failure_message.as_deref(), Some(message));
    let failure = execution.steps[0].failure.clone().unwrap();
    assert_eq!((failure.stage, failure.kind), (FailureStage::Invocation, FailureType::Permission));
    let shape = wire::step_execution(&execution.steps[0]);
    assert_eq!(shape["FailureMessage"], message);
    assert_eq!(shape["FailureDetails"]["FailureType"], "Permission");
}

#[tokio::test(start_paused = true)]
async fn a_script_that_raises_shows_its_traceback() {
    let world = World::new().script("h", |_| {
        Err(ScriptError::Raised("Traceback (most recent call last):\n  …\n\nKeyError - 'x'".into()))
    });
    let text = document(
        "  - {name: A, action: 'aws:executeScript', inputs: {Runtime: python3.11, Handler: h, Script: s}}",
    );
    let execution = world.run(&text, &[]).await;
    assert_eq!(
        execution.failure_message.as_deref(),
        Some(
            "Step fails when it is Poll action status for completion. Traceback (most recent call last):\n  …\n\n\
             KeyError - 'x'. Please refer to Automation Service Troubleshooting Guide for more diagnosis details."
        )
    );
}

#[tokio::test(start_paused = true)]
async fn an_unknown_action_fails_when_run() {
    let execution = World::new().run(&document("  - {name: A, action: 'aws:juggle', inputs: {}}"), &[]).await;
    assert_eq!(execution.status, Status::Failed);
    assert!(execution.failure_message.unwrap().contains("Action aws:juggle is not supported by this engine"));
}

#[tokio::test(start_paused = true)]
async fn an_output_of_a_step_that_failed_cannot_be_used() {
    let text = document(
        "
  - {name: A, action: 'aws:executeAwsApi', onFailure: Continue, inputs: {Service: x, Api: Y}}
  - {name: B, action: 'aws:sleep', inputs: {Duration: '{{ A.OutputPayload }}'}}",
    );
    let execution = World::new().run(&text, &[]).await;
    assert_eq!(steps(&execution), ["A Failed", "B Failed"]);
    assert_eq!(execution.steps[1].failure.as_ref().unwrap().stage, FailureStage::InputValidation);
    assert!(execution.failure_message.unwrap().starts_with(
        "Step fails when it is validating and resolving the step inputs. `{{ A.OutputPayload }}` can't be resolved"
    ));
}

#[tokio::test(start_paused = true)]
async fn failures_lead_where_the_step_says() {
    for (fields, status, expected) in [
        ("onFailure: Abort", Status::Failed, ["A Failed", "B Pending", "C Pending"]),
        ("onFailure: Continue", Status::Success, ["A Failed", "B Success", "C Success"]),
        ("onFailure: Continue, nextStep: C", Status::Success, ["A Failed", "B Pending", "C Success"]),
        ("onFailure: Continue, isCritical: true", Status::Failed, ["A Failed", "B Success", "C Success"]),
        ("onFailure: Continue, isEnd: true", Status::Success, ["A Failed", "B Pending", "C Pending"]),
        ("onFailure: 'step:C'", Status::Failed, ["A Failed", "B Pending", "C Success"]),
        ("onFailure: 'step:C', isEnd: true", Status::Failed, ["A Failed", "B Pending", "C Success"]),
        ("onFailure: 'step:C', isCritical: false", Status::Success, ["A Failed", "B Pending", "C Success"]),
        ("onFailure: Abort, isCritical: false", Status::Success, ["A Failed", "B Pending", "C Pending"]),
        ("nextStep: C", Status::Failed, ["A Failed", "B Pending", "C Pending"]),
    ] {
        let text = document(&format!(
            "
  - {{name: A, action: 'aws:executeAwsApi', inputs: {{Service: x, Api: Y}}, {fields}}}
  - {{name: B, action: 'aws:sleep', inputs: {{Duration: PT1S}}}}
  - {{name: C, action: 'aws:sleep', inputs: {{Duration: PT1S}}}}"
        ));
        let execution = World::new().run(&text, &[]).await;
        assert_eq!(
            (execution.status, steps(&execution)),
            (status, expected.map(String::from).to_vec()),
            "{fields}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn success_leads_where_the_step_says() {
    for (fields, expected) in [
        ("isEnd: false", ["A Success", "B Success", "C Success"]),
        ("isEnd: true", ["A Success", "B Pending", "C Pending"]),
        ("isEnd: 'true'", ["A Success", "B Pending", "C Pending"]),
        ("nextStep: C", ["A Success", "B Pending", "C Success"]),
        ("onFailure: 'step:C'", ["A Success", "B Success", "C Success"]),
    ] {
        let text = document(&format!(
            "
  - {{name: A, action: 'aws:sleep', inputs: {{Duration: PT1S}}, {fields}}}
  - {{name: B, action: 'aws:sleep', inputs: {{Duration: PT1S}}}}
  - {{name: C, action: 'aws:sleep', inputs: {{Duration: PT1S}}}}"
        ));
        let execution = World::new().run(&text, &[]).await;
        assert_eq!(execution.status, Status::Success);
        assert_eq!(steps(&execution), expected, "{fields}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_branch_takes_the_first_choice_that_holds_even_at_an_end() {
    for (branch, expected) in [
        (
            "isEnd: true, inputs: {Choices: [{NextStep: C, Variable: '{{ P }}', StringEquals: x}, {NextStep: B, Variable: '{{ P }}', StringEquals: x}]}",
            ["A Success", "B Pending", "C Success"],
        ),
        (
            "isEnd: true, inputs: {Choices: [{NextStep: B, Variable: '{{ P }}', StringEquals: y}], Default: C}",
            ["A Success", "B Pending", "C Success"],
        ),
        (
            "isEnd: true, inputs: {Choices: [{NextStep: C, Variable: '{{ P }}', StringEquals: y}]}",
            ["A Success", "B Pending", "C Pending"],
        ),
        (
            "inputs: {Choices: [{NextStep: C, Variable: '{{ P }}', StringEquals: y}]}",
            ["A Success", "B Success", "C Success"],
        ),
        (
            "nextStep: C, inputs: {Choices: [{NextStep: B, Not: {Variable: '{{ P }}', StringEquals: x}}]}",
            ["A Success", "B Pending", "C Success"],
        ),
    ] {
        let text = format!(
            "schemaVersion: '0.3'
parameters: {{P: {{type: String, default: x}}}}
mainSteps:
  - {{name: A, action: 'aws:branch', {branch}}}
  - {{name: B, action: 'aws:sleep', inputs: {{Duration: PT1S}}}}
  - {{name: C, action: 'aws:sleep', inputs: {{Duration: PT1S}}}}"
        );
        let execution = World::new().run(&text, &[]).await;
        assert_eq!(execution.status, Status::Success, "{branch}");
        assert_eq!(steps(&execution), expected, "{branch}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_is_tried_as_often_as_it_says() {
    let text =
        document("  - {name: A, action: 'aws:executeAwsApi', maxAttempts: 3, inputs: {Service: x, Api: Y}}");
    let flaky = World::new().refuse("x:Y", "Busy").refuse("x:Y", "Busy").answer("x:Y", json!({}));
    assert_eq!(flaky.run(&text, &[]).await.status, Status::Success);
    assert_eq!(flaky.calls().len(), 3);

    let broken = World::new().refuse("x:Y", "Busy");
    assert_eq!(broken.run(&text, &[]).await.status, Status::Failed);
    assert_eq!(broken.calls().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_takes_too_long_times_out() {
    let text = |fields: &str| {
        document(&format!(
            "
  - {{name: A, action: 'aws:executeAwsApi', inputs: {{Service: x, Api: Y}}, {fields}}}
  - {{name: B, action: 'aws:sleep', inputs: {{Duration: PT1S}}}}"
        ))
    };
    for (fields, status, second, seconds) in [
        ("timeoutSeconds: 5", Status::TimedOut, "B Pending", 5),
        ("timeoutSeconds: 5, maxAttempts: 2", Status::TimedOut, "B Pending", 10),
        ("timeoutSeconds: 900", Status::TimedOut, "B Pending", 25),
        ("timeoutSeconds: 4, onFailure: 'step:B', isCritical: false", Status::Success, "B Success", 5),
        ("timeoutSeconds: 4, onFailure: 'step:B'", Status::TimedOut, "B Success", 5),
    ] {
        let world = World::new().answer("x:Y", json!({})).latency(Duration::from_mins(1));
        let execution = world.run(&text(fields), &[]).await;
        assert_eq!(execution.status, status, "{fields}");
        assert_eq!(steps(&execution), ["A TimedOut".to_owned(), second.to_owned()], "{fields}");
        assert_eq!(world.elapsed().as_secs(), seconds, "{fields}");
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_ends_when_the_value_shows() {
    let text = document(
        "
  - name: A
    action: aws:waitForAwsResourceProperty
    timeoutSeconds: 60
    inputs: {Service: rds, Api: DescribeDBInstances, PropertySelector: '$..DBInstanceStatus', DesiredValues: [available]}",
    );
    let state = |state: &str| json!({"DBInstances": [{"DBInstanceStatus": state}]});
    let world = World::new()
        .answer("rds:DescribeDBInstances", state("modifying"))
        .refuse("rds:DescribeDBInstances", "Throttling")
        .answer("rds:DescribeDBInstances", state("available"));
    assert_eq!(world.run(&text, &[]).await.status, Status::Success);
    assert_eq!((world.calls().len(), world.elapsed().as_secs()), (3, 10));

    let world = World::new().answer("rds:DescribeDBInstances", state("modifying"));
    assert_eq!(world.run(&text, &[]).await.status, Status::TimedOut);
    assert_eq!(world.elapsed().as_secs(), 60);

    let world = World::new().refuse("rds:DescribeDBInstances", "DBInstanceNotFound");
    assert_eq!(world.run(&text, &[]).await.status, Status::Failed);
}

#[tokio::test(start_paused = true)]
async fn an_assertion_that_does_not_hold_fails_the_step() {
    let text = document(
        "  - {name: A, action: 'aws:assertAwsResourceProperty', inputs: {Service: x, Api: Y, PropertySelector: $.On, DesiredValues: ['True']}}",
    );
    assert_eq!(World::new().answer("x:Y", json!({"On": true})).run(&text, &[]).await.status, Status::Success);
    for wrong in [json!({"On": false}), json!({"On": "true"}), json!({})] {
        let execution = World::new().answer("x:Y", wrong).run(&text, &[]).await;
        assert_eq!(execution.status, Status::Failed);
        assert_eq!(execution.steps[0].failure.as_ref().unwrap().kind, FailureType::Verification);
    }
}

#[tokio::test(start_paused = true)]
async fn sleep_lets_exactly_that_time_pass() {
    for (inputs, seconds) in [
        ("Duration: PT10M", 600),
        ("Timestamp: '2024-11-29T20:00:00Z'", 1000),
        ("Timestamp: '2020-01-01T00:00:00Z'", 0),
    ] {
        let world = World::new();
        let text = document(&format!("  - {{name: A, action: 'aws:sleep', inputs: {{{inputs}}}}}"));
        assert_eq!(world.run(&text, &[]).await.status, Status::Success, "{inputs}");
        assert_eq!(world.elapsed().as_secs(), seconds, "{inputs}");
    }
    for inputs in ["Duration: P8D", "Duration: soon", "", "Duration: PT1S, Timestamp: '2020-01-01T00:00:00Z'"]
    {
        let text = document(&format!("  - {{name: A, action: 'aws:sleep', inputs: {{{inputs}}}}}"));
        assert_eq!(World::new().run(&text, &[]).await.status, Status::Failed, "{inputs}");
    }
}

const TWO_SLEEPS: &str = "
schemaVersion: '0.3'
mainSteps:
  - {name: A, action: 'aws:sleep', inputs: {Duration: PT1M}, onCancel: 'step:C'}
  - {name: B, action: 'aws:sleep', inputs: {Duration: PT1M}}
  - {name: C, action: 'aws:executeAwsApi', inputs: {Service: x, Api: Y}, isEnd: true}
";

#[tokio::test(start_paused = true)]
async fn cancelling_follows_on_cancel() {
    let world = World::new().answer("x:Y", json!({}));
    let execution = world.run_stopped(TWO_SLEEPS, Duration::from_secs(10), |s| s.stop(Stop::Cancel)).await;
    assert_eq!(execution.status, Status::Cancelled);
    assert_eq!(steps(&execution), ["A Cancelled", "B Pending", "C Success"]);
    assert_eq!(world.elapsed().as_secs(), 10);
    assert!(world.log().contains(&"execution Cancelling".to_owned()));

    let world = World::new();
    let execution = world.run_stopped(TWO_SLEEPS, Duration::from_secs(70), |s| s.stop(Stop::Cancel)).await;
    assert_eq!(steps(&execution), ["A Success", "B Cancelled", "C Pending"]);
    assert_eq!(execution.status, Status::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn cleaning_up_takes_two_minutes_at_most() {
    let text = document(
        "
  - {name: A, action: 'aws:sleep', inputs: {Duration: PT1M}, onCancel: 'step:B'}
  - {name: B, action: 'aws:executeScript', inputs: {Runtime: python3.11, Handler: h, Script: s}, maxAttempts: 1}
  - {name: C, action: 'aws:sleep', inputs: {Duration: PT1H}}",
    );
    let world = World::new().script("h", |_| Ok(json!(null)));
    let execution = world.run_stopped(&text, Duration::from_secs(10), |s| s.stop(Stop::Cancel)).await;
    assert_eq!(steps(&execution), ["A Cancelled", "B Success", "C Cancelled"]);
    assert_eq!(world.elapsed().as_secs(), 130);
}

#[tokio::test(start_paused = true)]
async fn completing_lets_the_step_under_way_finish() {
    let world = World::new();
    let execution = world.run_stopped(TWO_SLEEPS, Duration::from_secs(10), |s| s.stop(Stop::Complete)).await;
    assert_eq!(execution.status, Status::Success);
    assert_eq!(steps(&execution), ["A Success", "B Pending", "C Pending"]);
}

#[tokio::test(start_paused = true)]
async fn a_child_runs_with_its_own_parameters_and_gives_its_outputs() {
    let child = "
schemaVersion: '0.3'
parameters: {Names: {type: StringList}, Count: {type: Integer}, Map: {type: StringMap}}
mainSteps:
  - name: Act
    action: aws:executeAwsApi
    inputs: {Service: x, Api: Y, Names: ['{{ Names }}'], Count: '{{ Count }}', Map: '{{ Map }}'}
    outputs: [{Name: Ids, Selector: $.Ids, Type: StringList}]
outputs: [Act.Ids]
";
    let text = "
schemaVersion: '0.3'
mainSteps:
  - name: Child
    action: aws:executeAutomation
    inputs: {DocumentName: child, RuntimeParameters: {Names: [a, b], Count: 3, Map: {k: [v]}}}
outputs: [Child.Output, Child.Status]
";
    let world = World::new().document("child", child).answer("x:Y", json!({"Ids": ["i-1", "i-2"]}));
    let execution = world.run(text, &[]).await;
    assert_eq!(execution.status, Status::Success, "{:?}", execution.failure_message);
    assert_eq!(
        Value::Object(world.calls()[0].parameters.clone()),
        json!({"Names": ["a", "b"], "Count": 3, "Map": {"k": ["v"]}})
    );
    assert_eq!(execution.outputs["Child.Output"], json!(["i-1", "i-2"]));
    assert_eq!(execution.outputs["Child.Status"], json!("Success"));
    assert_eq!(
        world.log(),
        [
            "execution InProgress",
            "Child InProgress",
            "child execution InProgress",
            "child Act InProgress",
            "child Act Success",
            "child execution Success",
            "Child Success",
            "execution Success"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_child_that_fails_or_is_unknown_fails_the_step() {
    let text = document("  - {name: A, action: 'aws:executeAutomation', inputs: {DocumentName: child}}");
    let failing = document("  - {name: B, action: 'aws:executeAwsApi', inputs: {Service: x, Api: Y}}");
    let execution = World::new().document("child", &failing).run(&text, &[]).await;
    assert_eq!(execution.status, Status::Failed);
    assert!(execution.failure_message.unwrap().contains("ended with the status Failed"));
    let execution = World::new().run(&text, &[]).await;
    assert!(execution.failure_message.unwrap().contains("(AutomationDefinitionNotFoundException)"));
}

#[tokio::test(start_paused = true)]
async fn a_document_that_starts_itself_ends() {
    let text = document("  - {name: A, action: 'aws:executeAutomation', inputs: {DocumentName: self}}");
    let execution = World::new().document("self", &text).run(&text, &[]).await;
    assert_eq!(execution.status, Status::Failed);
    assert!(execution.failure_message.unwrap().contains("10 deep at most"));
}

#[tokio::test(start_paused = true)]
async fn cancelling_a_parent_cancels_its_child() {
    let text = document("  - {name: A, action: 'aws:executeAutomation', inputs: {DocumentName: child}}");
    let world = World::new().document("child", TWO_SLEEPS).answer("x:Y", json!({}));
    let execution = world.run_stopped(&text, Duration::from_secs(10), |s| s.stop(Stop::Cancel)).await;
    assert_eq!(execution.status, Status::Cancelled);
    assert_eq!(steps(&execution), ["A Cancelled"]);
    let log = world.log();
    assert!(log.contains(&"child C Success".to_owned()), "{log:?}");
    assert!(log.contains(&"child execution Cancelled".to_owned()), "{log:?}");
}

#[tokio::test(start_paused = true)]
async fn a_child_that_takes_too_long_is_cancelled() {
    let text = document(
        "  - {name: A, action: 'aws:executeAutomation', timeoutSeconds: 30, inputs: {DocumentName: child}}",
    );
    let world = World::new().document("child", TWO_SLEEPS).answer("x:Y", json!({}));
    let execution = world.run(&text, &[]).await;
    assert_eq!(steps(&execution), ["A TimedOut"]);
    assert_eq!(execution.status, Status::TimedOut);
    assert!(world.log().contains(&"child execution Cancelled".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_loop_through_a_branch_repeats_steps_and_must_end() {
    let text = "
schemaVersion: '0.3'
variables: {Done: {type: Boolean, default: false}}
mainSteps:
  - {name: Ask, action: 'aws:branch', inputs: {Choices: [{NextStep: End, Variable: '{{ variable:Done }}', BooleanEquals: true}], Default: Set}}
  - {name: Set, action: 'aws:updateVariable', inputs: {Name: 'variable:Done', Value: true}, nextStep: Ask}
  - {name: End, action: 'aws:sleep', inputs: {Duration: PT1S}, isEnd: true}
";
    let execution = World::new().run(text, &[]).await;
    assert_eq!(execution.status, Status::Success);
    assert_eq!(steps(&execution), ["Ask Success", "Set Success", "End Success", "Ask Success"]);
    let ids: std::collections::HashSet<_> = execution.steps.iter().map(|step| step.id.clone()).collect();
    assert_eq!(ids.len(), 4);

    let endless = text.replace("Value: true", "Value: false");
    let execution = World::new().run(&endless, &[]).await;
    assert_eq!(execution.status, Status::Failed);
    assert!(execution.failure_message.unwrap().contains("without an end"));
}

#[tokio::test(start_paused = true)]
async fn a_variable_keeps_its_type() {
    let text = "
schemaVersion: '0.3'
variables: {Names: {type: StringList, default: ['{{ global:REGION }}']}}
mainSteps:
  - {name: A, action: 'aws:updateVariable', inputs: {Name: 'variable:Names', Value: VALUE}}
";
    let execution = World::new().run(&text.replace("VALUE", "['{{ variable:Names }}', x]"), &[]).await;
    assert_eq!(execution.variables["Names"], json!(["us-east-1", "x"]));
    let execution = World::new().run(&text.replace("VALUE", "x"), &[]).await;
    assert_eq!(execution.status, Status::Failed);
    assert_eq!(execution.variables["Names"], json!(["us-east-1"]));
}

#[tokio::test(start_paused = true)]
async fn defaults_are_read_from_parameter_store() {
    let text = "
schemaVersion: '0.3'
parameters:
  Ami: {type: String, default: '{{ssm:/golden/ami}}'}
  Id: {type: String, default: 'run-{{automation:EXECUTION_ID}}'}
mainSteps:
  - {name: A, action: 'aws:executeAwsApi', inputs: {Service: x, Api: Y, Ami: '{{ Ami }}', Id: '{{ Id }}'}}
";
    let world = World::new()
        .answer("ssm:GetParameter", json!({"Parameter": {"Type": "String", "Value": "ami-1"}}))
        .answer("x:Y", json!({}));
    let execution = world.run(text, &[]).await;
    assert_eq!(execution.status, Status::Success, "{:?}", execution.failure_message);
    assert_eq!(world.calls()[1].parameters["Ami"], "ami-1");
    assert_eq!(world.calls()[1].parameters["Id"], "run-eeca120b-a321-433e-9635-dab369006a6b");
    assert_eq!(execution.parameters["Ami"], ["ami-1"]);

    let execution = World::new().refuse("ssm:GetParameter", "ParameterNotFound").run(text, &[]).await;
    assert_eq!(execution.status, Status::Failed);
    assert_eq!(steps(&execution), ["A Pending"]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_role_runs_as_the_caller() {
    let text = "
schemaVersion: '0.3'
assumeRole: '{{ Role }}'
parameters: {Role: {type: String, default: ''}}
mainSteps: [{name: A, action: 'aws:executeAwsApi', inputs: {Service: x, Api: Y}}]
";
    let world = World::new().answer("x:Y", json!({}));
    world.run(text, &[]).await;
    assert_eq!(world.calls()[0].assume_role, None);
}

#[tokio::test(start_paused = true)]
async fn outputs_that_do_not_fit_their_type_fail_the_step() {
    let text = document(
        "
  - name: A
    action: aws:executeAwsApi
    inputs: {Service: x, Api: Y}
    outputs: [{Name: N, Selector: $.N, Type: Integer}]",
    );
    let execution = World::new().answer("x:Y", json!({"N": "5"})).run(&text, &[]).await;
    assert_eq!(execution.status, Status::Failed);
    let failure = execution.steps[0].failure.clone().unwrap();
    assert_eq!((failure.stage, failure.kind), (FailureStage::PostVerification, FailureType::Verification));
}

#[tokio::test(start_paused = true)]
async fn an_output_that_is_missing_does_not_fail_the_step() {
    let text = document(
        "
  - name: A
    action: aws:executeAwsApi
    inputs: {Service: ec2, Api: DescribeInstances}
    outputs: [{Name: Platform, Selector: '$.Reservations[0].Instances[0].Platform'}]
  - {name: B, action: 'aws:branch', inputs: {Choices: [{NextStep: C, Variable: '{{ A.Platform }}', StringEquals: windows}], Default: D}}
  - {name: C, action: 'aws:sleep', inputs: {Duration: PT1S}}
  - {name: D, action: 'aws:sleep', inputs: {Duration: PT1S}}",
    );
    let world = World::new().answer("ec2:DescribeInstances", json!({"Reservations": [{"Instances": [{}]}]}));
    let execution = world.run(&text, &[]).await;
    assert_eq!(steps(&execution), ["A Success", "B Success", "C Pending", "D Success"]);
}

#[tokio::test(start_paused = true)]
async fn a_script_returns_100_kilobytes_at_most() {
    let text = document(
        "  - {name: A, action: 'aws:executeScript', inputs: {Runtime: python3.11, Handler: h, Script: s}}",
    );
    let execution = World::new().script("h", |_| Ok("x".repeat(200_000).into())).run(&text, &[]).await;
    assert_eq!(execution.status, Status::Failed);
    let execution = World::new().script("h", |_| Err(ScriptError::TimedOut)).run(&text, &[]).await;
    assert_eq!(execution.status, Status::TimedOut);
}

#[tokio::test(start_paused = true)]
async fn an_account_may_have_throttled_calls_tried_again_before_an_attempt_fails() {
    let text = document(
        "  - {name: Look, action: 'aws:executeAwsApi', inputs: {Service: rds, Api: DescribeDBInstances}}\n",
    );
    let world = || {
        // Six refusals are 1 + 2 + 4 + 8 + 16 + 30 seconds, more than the 25 that a call may take.
        let world = (0..6)
            .fold(World::new(), |world, _| world.refuse("rds:DescribeDBInstances", "ThrottlingException"));
        world.answer("rds:DescribeDBInstances", json!({"DBInstances": []}))
    };
    assert_eq!(world().run(&text, &[]).await.status, Status::Failed);
    let patient = world().patient(Duration::from_mins(2));
    assert_eq!(patient.run(&text, &[]).await.status, Status::Success);
    assert_eq!((patient.elapsed(), patient.calls().len()), (Duration::from_secs(61), 7));
    let impatient = world().patient(Duration::from_mins(1));
    let ended = impatient.run(&text, &[]).await;
    assert_eq!(ended.steps[0].failure.as_ref().unwrap().kind, FailureType::Throttling);
    assert_eq!((impatient.elapsed(), impatient.calls().len()), (Duration::from_secs(31), 6));
}
