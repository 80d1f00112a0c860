//! The one place for what AWS leaves open: each constant and function is a choice, with its reason. `README.md` lists them.

use std::time::Duration;

use serde_json::Value;

use crate::{document::ValueType, spread::Share};

/// Larger documents are refused. AWS takes 64 KiB, which is for a linter to say; this keeps memory bounded.
pub const MAX_DOCUMENT_BYTES: usize = 1 << 20;

/// Deeper YAML is refused. Real documents nest about 15 deep; a thread with 2 MiB of stack reads 60 in a debug build.
pub const MAX_DOCUMENT_DEPTH: usize = 32;

/// Longer patterns are refused.
pub const MAX_PATTERN_BYTES: usize = 4096;

/// A pattern whose groups may be repeated more often than this, all multiplied, is refused if it is too large to unroll.
pub const MAX_PATTERN_ROUNDS: u64 = 100_000;

/// A match that takes more steps back than this is given up, and the value doesn't match.
pub const MAX_BACKTRACKS: usize = 200_000;

/// Longer selectors are refused; the longest in real documents has under 200 characters.
pub const MAX_SELECTOR_BYTES: usize = 1024;

/// Selectors that nest brackets deeper are refused.
pub const MAX_SELECTOR_DEPTH: usize = 6;

/// How long `aws:waitForAwsResourceProperty` rests between looks. AWS doesn't say.
pub const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// The longest a single API call may take, as documented for `aws:executeAwsApi`; taken for assert and wait too.
pub const API_CALL_TIMEOUT: Duration = Duration::from_secs(25);

/// How long a throttled call rests first, in an account that has them tried again; then twice as long each time. AWS doesn't say.
pub const THROTTLED_REST: Duration = Duration::from_secs(1);

/// The longest that a throttled call rests.
pub const LONGEST_THROTTLED_REST: Duration = Duration::from_secs(30);

/// The longest a script may take, as documented.
pub const SCRIPT_TIMEOUT: Duration = Duration::from_mins(10);

/// How long `aws:waitForAwsResourceProperty` waits unless it says otherwise, as documented.
pub const WAIT_TIMEOUT: Duration = Duration::from_hours(1);

/// The longest sleep, as documented.
pub const LONGEST_SLEEP: Duration = Duration::from_secs(604_799);

/// The longest that the steps after `onCancel` may take, as documented.
pub const CANCEL_TIMEOUT: Duration = Duration::from_mins(2);

/// The largest result of a script, as documented: 100 KB of JSON text. Its limit of 100 items in a list isn't enforced,
/// for the guide doesn't say which lists are meant.
pub const MAX_SCRIPT_PAYLOAD_BYTES: usize = 100 * 1024;

/// How many steps an execution may run, those inside `aws:loop` aside. AWS refuses documents that can't end; a loop through a branch can.
pub const MAX_STEP_RUNS: usize = 1_000;

/// How many executions of one request run at once unless it says otherwise, as documented.
pub const MAX_CONCURRENCY: Share = Share::Count(10);

/// How many executions of one request may end badly unless it says otherwise. AWS doesn't say.
pub const MAX_ERRORS: Share = Share::Count(0);

/// `TargetLocationMaxConcurrency` unless a location says otherwise, as documented.
pub const LOCATION_CONCURRENCY: Share = Share::Count(1);

/// `TargetLocationMaxErrors` unless a location says otherwise, as documented.
pub const LOCATION_ERRORS: Share = Share::Count(0);

/// `ExecutionRoleName` unless a location says otherwise, as documented.
pub const EXECUTION_ROLE_NAME: &str = "AWS-SystemsManager-AutomationExecutionRole";

/// The most `TargetMaps`, as documented.
pub const MAX_TARGET_MAPS: usize = 300;

/// The most `TargetLocations`, as documented.
pub const MAX_TARGET_LOCATIONS: usize = 100;

/// The longest a function may take, as documented for `aws:invokeLambdaFunction`.
pub const LAMBDA_TIMEOUT: Duration = Duration::from_mins(5);

/// The largest answer of a function, as documented.
pub const MAX_LAMBDA_PAYLOAD_BYTES: usize = 200 * 1024;

/// The most instances that `aws:runCommand` may name, as documented.
pub const MAX_COMMAND_INSTANCES: usize = 50;

/// How long `aws:createStack` and `aws:deleteStack` wait unless the step says otherwise. AWS doesn't say.
pub const STACK_TIMEOUT: Duration = Duration::from_hours(1);

/// How long `aws:approve` waits unless it says otherwise, as documented.
pub const APPROVAL_TIMEOUT: Duration = Duration::from_hours(7 * 24);

/// The longest that `aws:approve` may wait, as documented.
pub const LONGEST_APPROVAL: Duration = Duration::from_hours(30 * 24);

/// The most approvers of a step, as documented.
pub const MAX_APPROVERS: usize = 10;

/// The longest message to approvers in characters, as documented.
pub const MAX_APPROVAL_MESSAGE: usize = 4096;

/// The most passes of a loop, as documented; what it does unless it says otherwise.
pub const MAX_ITERATIONS: usize = 100;

/// How deep `aws:executeAutomation` may nest. AWS doesn't say; a document that starts itself must end somewhere.
pub const MAX_NESTING: u32 = 10;

/// What AWS puts after each failure.
pub const TROUBLESHOOTING: &str =
    "Please refer to Automation Service Troubleshooting Guide for more diagnosis details.";

/// What AWS shows for an output of a step that didn't succeed.
pub const NO_OUTPUT: &str = "No output available yet because the step is not successfully executed";

/// The value of an output whose selector finds nothing, or null. A miss doesn't fail the step: AWS's own example branches
/// on a property that Linux instances lack. So: the empty value of the type; null where there is no empty value.
pub fn missing(kind: ValueType) -> Value {
    match kind {
        ValueType::String => Value::String(String::new()),
        ValueType::StringList | ValueType::MapList => Value::Array(Vec::new()),
        ValueType::StringMap => Value::Object(serde_json::Map::new()),
        ValueType::Boolean | ValueType::Integer => Value::Null,
    }
}

/// Whether an `allowedPattern` must match the whole text. It need only be found: nearly all real patterns are anchored,
/// and those that aren't were written for a service that took their values.
pub const PATTERN_IS_WHOLE: bool = false;

/// Inputs that grow larger through their references fail the step.
pub const MAX_SUBSTITUTED_BYTES: usize = 16 << 20;

/// The most values a selector may find.
pub const MAX_SELECTED: usize = 10_000;

/// The most scans (`..`) a selector may have: their answers multiply.
pub const MAX_SELECTOR_SCANS: usize = 2;

/// The most filters (`?`) a selector may have.
pub const MAX_SELECTOR_FILTERS: usize = 3;
