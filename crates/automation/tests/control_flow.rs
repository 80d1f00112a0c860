//! Loops, waiting for people, and interactive mode, with every port a fake and virtual time.

#[cfg(test)]
#[expect(dead_code, reason = "not every test needs every fake")]
mod support;

use std::time::Duration;

use plumb_automation::{Mode, Signal, Status, Stop, wire};
use serde_json::{Value, json};
use support::{World, steps};

fn document(steps: &str) -> String {
    format!("schemaVersion: '0.3'\nmainSteps:\n{steps}")
}

async fn moment() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

fn approve(by: &str) -> Signal {
    Signal::Approve { by: format!("arn:aws:iam::123456789012:user/{by}"), comment: "fine".into() }
}

fn reject(by: &str) -> Signal {
    Signal::Reject { by: format!("arn:aws:iam::123456789012:user/{by}"), comment: "no".into() }
}

const OVER_NAMES: &str = "
schemaVersion: '0.3'
parameters: {Names: {type: StringList, default: [b, c]}}
mainSteps:
  - name: Each
    action: aws:loop
    inputs:
      Iterators: [a, '{{ Names }}']
      Steps:
        - name: Make
          action: aws:executeAwsApi
          inputs: {Service: x, Api: Y, Name: '{{ Each.CurrentIteratorValue }}', Number: '{{ Each.CurrentIteration }}'}
          outputs: [{Name: Id, Selector: $.Id}]
        - {name: Rest, action: 'aws:sleep', inputs: {Duration: PT1S}}
  - {name: After, action: 'aws:executeAwsApi', inputs: {Service: x, Api: Z, Last: '{{ Make.Id }}', Count: '{{ Each.CurrentIteration }}'}}
";

#[tokio::test(start_paused = true)]
async fn a_loop_runs_its_steps_once_for_each_iterator() {
    let world = World::new()
        .answer_with("x:Y", |call| {
            Ok(json!({"Id": format!("id-{}", call.parameters["Name"].as_str().unwrap())}))
        })
        .answer("x:Z", json!({}));
    let execution = world.run(OVER_NAMES, &[]).await;
    assert_eq!(execution.status, Status::Success, "{:?}", execution.failure_message);
    let given: Vec<Value> = world.calls().iter().map(|call| Value::Object(call.parameters.clone())).collect();
    assert_eq!(
        given,
        [
            json!({"Name": "a", "Number": 1}),
            json!({"Name": "b", "Number": 2}),
            json!({"Name": "c", "Number": 3}),
            json!({"Last": "id-c", "Count": 3}),
        ]
    );
    let make: Vec<Value> = execution
        .steps
        .iter()
        .filter(|step| step.name == "Make")
        .map(|step| wire::step_execution(step)["ParentStepDetails"].clone())
        .collect();
    assert_eq!(make.len(), 3);
    assert_eq!(
        make[1],
        json!({
            "StepExecutionId": execution.steps[0].id, "StepName": "Each", "Action": "aws:loop",
            "Iteration": 2, "IteratorValue": "b",
        })
    );
}

const COUNT: &str = "
schemaVersion: '0.3'
variables: {Go: {type: Boolean, default: true}}
mainSteps:
  - name: Again
    action: aws:loop
    inputs:
      MaxIterations: 5
      LoopCondition: {Variable: '{{ variable:Go }}', BooleanEquals: true}
      Steps:
        - {name: Ask, action: 'aws:executeAwsApi', inputs: {Service: x, Api: Y}, outputs: [{Name: Go, Selector: $.Go, Type: Boolean}]}
        - {name: Keep, action: 'aws:updateVariable', inputs: {Name: 'variable:Go', Value: '{{ Ask.Go }}'}}
outputs: [Again.CurrentIteration]
";

#[tokio::test(start_paused = true)]
async fn a_condition_is_looked_at_after_each_pass() {
    let never = COUNT.replace("default: true", "default: false");
    let world = World::new().answer("x:Y", json!({"Go": false}));
    let execution = world.run(&never, &[]).await;
    assert_eq!((execution.status, world.calls().len()), (Status::Success, 1));

    let world = World::new().answer("x:Y", json!({"Go": true})).answer("x:Y", json!({"Go": false}));
    let execution = world.run(COUNT, &[]).await;
    assert_eq!((execution.status, world.calls().len()), (Status::Success, 2));
    assert_eq!(execution.outputs["Again.CurrentIteration"], json!(2));
}

#[tokio::test(start_paused = true)]
async fn a_loop_ends_after_the_most_passes() {
    let world = World::new().answer("x:Y", json!({"Go": true}));
    let execution = world.run(COUNT, &[]).await;
    assert_eq!((execution.status, world.calls().len()), (Status::Success, 5));
    let world = World::new().answer("x:Y", json!({"Go": true}));
    world.run(&COUNT.replace("      MaxIterations: 5\n", ""), &[]).await;
    assert_eq!(world.calls().len(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_leaves_a_loop_exits_it() {
    let text = "
schemaVersion: '0.3'
mainSteps:
  - name: Each
    action: aws:loop
    inputs:
      Iterators: [a, b, c]
      Steps:
        - name: Enough
          action: aws:branch
          inputs: {Choices: [{NextStep: Out, Variable: '{{ Each.CurrentIteratorValue }}', StringEquals: b}]}
        - {name: Act, action: 'aws:executeAwsApi', inputs: {Service: x, Api: Y}}
  - {name: Skipped, action: 'aws:sleep', inputs: {Duration: PT1S}}
  - {name: Out, action: 'aws:sleep', inputs: {Duration: PT1S}}
";
    let world = World::new().answer("x:Y", json!({}));
    let execution = world.run(text, &[]).await;
    assert_eq!(execution.status, Status::Success);
    assert_eq!(world.calls().len(), 1);
    assert_eq!(
        steps(&execution),
        ["Each Exited", "Skipped Pending", "Out Success", "Enough Success", "Act Success", "Enough Success"]
    );

    let by_failure = text.replace(
        "inputs: {Service: x, Api: Y}}",
        "inputs: {Service: x, Api: Y}, onFailure: 'step:Out', isCritical: false}",
    );
    let execution = World::new().refuse("x:Y", "No").run(&by_failure, &[]).await;
    assert_eq!(execution.status, Status::Success);
    assert_eq!(steps(&execution)[..3], ["Each Exited", "Skipped Pending", "Out Success"]);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_inside_fails_the_loop_whose_own_fields_then_decide() {
    let text = |inner: &str, outer: &str| {
        document(&format!(
            "
  - name: Each
    action: aws:loop
    {outer}
    inputs:
      Iterators: [a, b]
      Steps:
        - {{name: Act, action: 'aws:executeAwsApi', inputs: {{Service: x, Api: Y}}{inner}}}
  - {{name: After, action: 'aws:sleep', inputs: {{Duration: PT1S}}}}"
        ))
    };
    for (inner, outer, status, calls, expected) in [
        ("", "", Status::Failed, 1, ["Each Failed", "After Pending"]),
        ("", "onFailure: Continue", Status::Success, 1, ["Each Failed", "After Success"]),
        (", onFailure: Continue", "", Status::Success, 2, ["Each Success", "After Success"]),
        (", onFailure: Continue, isCritical: true", "", Status::Failed, 2, ["Each Success", "After Success"]),
        ("", "maxAttempts: 2", Status::Failed, 2, ["Each Failed", "After Pending"]),
    ] {
        let world = World::new().refuse("x:Y", "Nope");
        let execution = world.run(&text(inner, outer), &[]).await;
        assert_eq!(execution.status, status, "{inner} {outer}");
        assert_eq!(world.calls().len(), calls, "{inner} {outer}");
        assert_eq!(steps(&execution)[..2], expected, "{inner} {outer}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_pass_is_not_the_end_of_the_execution() {
    let text = document(
        "
  - name: Each
    action: aws:loop
    inputs:
      Iterators: [a, b]
      Steps:
        - {name: Act, action: 'aws:executeAwsApi', inputs: {Service: x, Api: Y}, isEnd: true}
        - {name: Never, action: 'aws:sleep', inputs: {Duration: PT1S}}
  - {name: After, action: 'aws:sleep', inputs: {Duration: PT1S}}",
    );
    let world = World::new().answer("x:Y", json!({}));
    let execution = world.run(&text, &[]).await;
    assert_eq!(steps(&execution), ["Each Success", "After Success", "Act Success", "Act Success"]);
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_is_cancelled_or_takes_too_long_takes_its_steps_with_it() {
    let text = |fields: &str| {
        document(&format!(
            "
  - name: Each
    action: aws:loop
    {fields}
    inputs:
      Iterators: [a, b]
      Steps:
        - {{name: Act, action: 'aws:sleep', inputs: {{Duration: PT1M}}, onCancel: 'step:Tidy'}}
  - {{name: Tidy, action: 'aws:sleep', inputs: {{Duration: PT1S}}}}"
        ))
    };
    let execution =
        World::new().run_stopped(&text(""), Duration::from_secs(70), |s| s.stop(Stop::Cancel)).await;
    assert_eq!(execution.status, Status::Cancelled);
    assert_eq!(steps(&execution), ["Each Cancelled", "Tidy Success", "Act Success", "Act Cancelled"]);

    let execution = World::new().run(&text("timeoutSeconds: 70"), &[]).await;
    assert_eq!(execution.status, Status::TimedOut);
    assert_eq!(steps(&execution), ["Each TimedOut", "Tidy Pending", "Act Success", "Act Cancelled"]);
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_says_neither_or_both_or_too_much_is_refused() {
    let hundred_and_one = format!("Iterators: {}", json!(vec!["x"; 101]));
    for inputs in [
        "",
        "Iterators: [a], LoopCondition: {Variable: a, StringEquals: a}",
        "Iterators: a",
        "Iterators: [a], MaxIterations: 101",
        "Iterators: [a], MaxIterations: 0",
        "Iterators: [a], IteratorDataType: Integer",
        "Iterators: [{a: b}]",
        hundred_and_one.as_str(),
    ] {
        let comma = if inputs.is_empty() { "" } else { ", " };
        let text = document(&format!(
            "  - {{name: L, action: 'aws:loop', inputs: {{{inputs}{comma}Steps: [{{name: S, action: 'aws:sleep', inputs: {{Duration: PT1S}}}}]}}}}"
        ));
        assert_eq!(World::new().run(&text, &[]).await.status, Status::Failed, "{inputs}");
    }
    let typed = "Iterators: [{a: b}], IteratorDataType: StringMap";
    let text = document(&format!(
        "  - {{name: L, action: 'aws:loop', inputs: {{{typed}, Steps: [{{name: S, action: 'aws:executeAwsApi', inputs: {{Service: x, Api: Y, V: '{{{{ L.CurrentIteratorValue }}}}'}}}}]}}}}"
    ));
    let world = World::new().answer("x:Y", json!({}));
    assert_eq!(world.run(&text, &[]).await.status, Status::Success);
    assert_eq!(world.calls()[0].parameters["V"], r#"{"a":"b"}"#);
}

const PAUSE: &str = "
schemaVersion: '0.3'
mainSteps:
  - {name: Hold, action: 'aws:pause', inputs: {}}
  - {name: After, action: 'aws:sleep', inputs: {Duration: PT1S}}
";

#[tokio::test(start_paused = true)]
async fn a_pause_waits_until_it_is_resumed() {
    let world = World::new();
    let (stopper, task) = world.spawn(World::start(PAUSE, &[]));
    moment().await;
    stopper.say(approve("ann"));
    moment().await;
    assert_eq!(world.log(), ["execution InProgress", "Hold InProgress", "Hold Waiting", "execution Waiting"]);
    stopper.say(Signal::Resume { step: None });
    let execution = task.await.unwrap();
    assert_eq!(steps(&execution), ["Hold Success", "After Success"]);
    assert_eq!(execution.status, Status::Success);

    let execution = world.run_stopped(PAUSE, Duration::from_secs(9), |s| s.stop(Stop::Cancel)).await;
    assert_eq!(steps(&execution), ["Hold Cancelled", "After Pending"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_said_too_early_is_forgotten() {
    let text = format!("{PAUSE}  - {{name: Again, action: 'aws:pause', inputs: {{}}, timeoutSeconds: 60}}\n");
    let world = World::new();
    let (stopper, task) = world.spawn(World::start(&text, &[]));
    moment().await;
    stopper.say(Signal::Resume { step: None });
    stopper.say(Signal::Resume { step: None });
    let execution = task.await.unwrap();
    assert_eq!(steps(&execution), ["Hold Success", "After Success", "Again TimedOut"]);
}

const APPROVAL: &str = "
schemaVersion: '0.3'
mainSteps:
  - name: Ask
    action: aws:approve
    timeoutSeconds: 1000
    inputs:
      Approvers: [ann, 'arn:aws:iam::123456789012:user/bob', cid]
      MinRequiredApprovals: 2
      Message: Please look.
      NotificationArn: arn:aws:sns:us-east-1:123456789012:Automation-approvals
  - {name: After, action: 'aws:sleep', inputs: {Duration: PT1S}}
outputs: [Ask.ApprovalStatus, Ask.ApproverDecisions]
";

#[tokio::test(start_paused = true)]
async fn an_approval_needs_as_many_different_approvers_as_it_says() {
    let world = World::new().answer("sns:Publish", json!({}));
    let (stopper, task) = world.spawn(World::start(APPROVAL, &[]));
    moment().await;
    for by in ["ann", "ann", "eve"] {
        stopper.say(approve(by));
        moment().await;
    }
    assert!(!task.is_finished());
    assert!(world.log().contains(&"execution Waiting".to_owned()));
    stopper.say(approve("bob"));
    let execution = task.await.unwrap();
    assert_eq!(execution.status, Status::Success);
    assert_eq!(execution.outputs["Ask.ApprovalStatus"], json!("Approved"));
    let deciders: Vec<&str> = execution.outputs["Ask.ApproverDecisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|decision| decision["Approver"].as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    assert_eq!(deciders, ["ann", "ann", "bob"]);
    let told = &world.calls()[0];
    assert_eq!(told.parameters["TopicArn"], "arn:aws:sns:us-east-1:123456789012:Automation-approvals");
    assert!(told.parameters["Message"].as_str().unwrap().contains("Please look."));
}

#[tokio::test(start_paused = true)]
async fn one_rejection_fails_the_step() {
    let world = World::new().answer("sns:Publish", json!({}));
    let (stopper, task) = world.spawn(World::start(APPROVAL, &[]));
    moment().await;
    stopper.say(approve("ann"));
    moment().await;
    stopper.say(reject("cid"));
    let execution = task.await.unwrap();
    assert_eq!(execution.status, Status::Failed);
    assert_eq!(steps(&execution), ["Ask Failed", "After Pending"]);
    assert!(execution.failure_message.unwrap().contains("rejected by arn:aws:iam::123456789012:user/cid"));
    assert_eq!(execution.steps[0].outputs["ApprovalStatus"], json!("Rejected"));
}

#[tokio::test(start_paused = true)]
async fn an_approval_that_nobody_gives_times_out() {
    let world = World::new().answer("sns:Publish", json!({}));
    let execution = world.run(APPROVAL, &[]).await;
    assert_eq!(execution.status, Status::TimedOut);
    assert_eq!(world.elapsed().as_secs(), 1000);
    let world = World::new().answer("sns:Publish", json!({}));
    world.run(&APPROVAL.replace("    timeoutSeconds: 1000\n", ""), &[]).await;
    assert_eq!(world.elapsed().as_secs(), 604_800);
}

#[tokio::test(start_paused = true)]
async fn an_approval_that_cannot_be_given_is_refused() {
    for (from, to) in [
        ("MinRequiredApprovals: 2", "MinRequiredApprovals: 4"),
        ("MinRequiredApprovals: 2", "MinRequiredApprovals: many"),
        ("[ann, 'arn:aws:iam::123456789012:user/bob', cid]", "[]"),
        (":Automation-approvals", ":approvals"),
    ] {
        let execution = World::new().run(&APPROVAL.replace(from, to), &[]).await;
        assert_eq!(execution.status, Status::Failed, "{to}");
    }
}

const THREE: &str = "
schemaVersion: '0.3'
mainSteps:
  - {name: A, action: 'aws:sleep', inputs: {Duration: PT1M}}
  - {name: B, action: 'aws:sleep', inputs: {Duration: PT1M}}
  - {name: C, action: 'aws:sleep', inputs: {Duration: PT1M}}
";

#[tokio::test(start_paused = true)]
async fn an_interactive_execution_waits_before_each_step() {
    let world = World::new();
    let mut start = World::start(THREE, &[]);
    start.mode = Mode::Interactive;
    let (stopper, task) = world.spawn(start);
    moment().await;
    assert_eq!(world.log(), ["execution InProgress", "execution Waiting"]);
    stopper.say(Signal::StartStep { step: None });
    tokio::time::sleep(Duration::from_secs(90)).await;
    assert_eq!(world.log().last().unwrap(), "execution Waiting");
    // B is passed over.
    stopper.say(Signal::Resume { step: Some("C".into()) });
    let execution = task.await.unwrap();
    assert_eq!(steps(&execution), ["A Success", "B Pending", "C Success"]);
    assert_eq!(wire::automation_execution(&execution)["Mode"], "Interactive");
}

#[tokio::test(start_paused = true)]
async fn a_step_can_be_stopped_and_started_again() {
    let world = World::new();
    let mut start = World::start(THREE, &[]);
    start.mode = Mode::Interactive;
    let (stopper, task) = world.spawn(start);
    moment().await;
    stopper.say(Signal::StartStep { step: None });
    moment().await;
    stopper.say(Signal::StopStep { step_execution: Some("another".into()) });
    moment().await;
    assert_eq!(world.log().last().unwrap(), "A InProgress");
    stopper.say(Signal::StopStep { step_execution: None });
    moment().await;
    assert_eq!(world.log()[3..], ["A InProgress", "A Cancelled", "execution Waiting"]);
    stopper.say(Signal::StartStep { step: Some("A".into()) });
    tokio::time::sleep(Duration::from_secs(61)).await;
    stopper.stop(Stop::Cancel);
    let execution = task.await.unwrap();
    assert_eq!(execution.status, Status::Cancelled);
    assert_eq!(steps(&execution), ["A Cancelled", "B Pending", "C Pending", "A Success"]);
}
