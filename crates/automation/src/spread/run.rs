//! Running the many: one, then two, then twice as many each time, up to `MaxConcurrency`.

use std::{collections::BTreeMap, future::poll_fn, task::Poll};

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Share, Spread, request};
use crate::{
    choices,
    execution::{Execution, Mode, Start, Status, StepExecution},
    failure::Failure,
    parameters::WireParameters,
    ports::{Answer, ApiCall, Family, Origin, Ports},
    signals::{Signals, Stop, Stopper, signals},
};

/// Runs a document on many targets. The answer's steps are the executions that were started, one each. `given` are the
/// parameters that all of them share.
pub fn run_spread(
    start: Start,
    spread: Spread,
    given: WireParameters,
    ports: Ports,
    signals: Signals,
) -> Answer<'static, Execution> {
    Box::pin(async move {
        let mut execution = start.execution(ports.clock.now());
        execution.steps.clear();
        execution.output_names.clear();
        execution.spread = Some(spread.clone());
        Spreading { start, spread, given, ports, signals, execution, failure: None }.finish().await
    })
}

struct Spreading {
    start: Start,
    spread: Spread,
    given: WireParameters,
    ports: Ports,
    signals: Signals,
    execution: Execution,
    failure: Option<String>,
}

/// One of the many.
struct Target {
    name: String,
    parameters: WireParameters,
    account: String,
    region: String,
    role: Option<String>,
    /// Its own targets, in another account or Region.
    spread: Option<Spread>,
}

/// Some that share their limits.
struct Group {
    targets: Vec<Target>,
    concurrency: Share,
    errors: Share,
}

struct Running {
    slot: usize,
    stopper: Stopper,
    execution: Answer<'static, Execution>,
}

impl Spreading {
    async fn finish(mut self) -> Execution {
        self.set_status(Status::InProgress);
        match self.groups().await {
            Ok(groups) => self.run(groups).await,
            Err(reason) => self.failure = Some(reason),
        }
        self.execution.ended_at = Some(self.ports.clock.now());
        let status = match (self.signals.asked(), self.failure.take()) {
            (Some(Stop::Cancel), _) => Status::Cancelled,
            (_, Some(message)) => {
                self.execution.failure_message = Some(message);
                Status::Failed
            }
            (_, None) => Status::Success,
        };
        self.set_status(status);
        self.execution
    }

    async fn run(&mut self, groups: Vec<Group>) {
        let total = groups.iter().map(|group| group.targets.len()).sum();
        self.count(|counters| counters.total = total);
        let names = groups.iter().flat_map(|group| group.targets.iter().map(|target| target.name.clone()));
        let names = names.collect();
        if let Some(spread) = &mut self.execution.spread {
            spread.resolved = names;
        }
        self.set_status(Status::InProgress);
        for group in groups {
            if self.signals.asked().is_some() {
                return;
            }
            self.run_group(group).await;
        }
    }

    async fn run_group(&mut self, group: Group) {
        let total = group.targets.len();
        let most = group.concurrency.of(total).max(1);
        let tolerated = group.errors.of(total);
        let mut waiting = group.targets.into_iter();
        let mut running: Vec<Running> = Vec::new();
        // The ramp: how many may run, and how many have ended since that last grew.
        let (mut allowed, mut ended, mut errors) = (1, 0, 0);
        let mut cancel = self.signals.clone();
        let mut cancelling = false;
        loop {
            while running.len() < allowed && errors <= tolerated && self.signals.asked().is_none() {
                let Some(target) = waiting.next() else { break };
                match self.begin(target) {
                    Ok(begun) => running.push(begun),
                    Err(Begun::Badly) => errors += 1,
                }
            }
            if running.is_empty() {
                break;
            }
            let (slot, execution) = tokio::select! {
                biased;
                () = cancel.cancelled(), if !cancelling => {
                    cancelling = true;
                    self.set_status(Status::Cancelling);
                    for one in &running {
                        one.stopper.stop(Stop::Cancel);
                    }
                    continue;
                }
                done = first(&mut running) => done,
            };
            errors += usize::from(execution.status != Status::Success);
            self.close(slot, &execution);
            ended += 1;
            if ended >= allowed {
                allowed = (allowed * 2).min(most);
                ended = 0;
            }
        }
        if errors > tolerated && self.failure.is_none() {
            self.failure = Some(format!(
                "{errors} of {total} executions did not succeed, where {tolerated} may; {} were not started",
                waiting.count()
            ));
        }
    }

    /// Starts one, and shows it as a step.
    fn begin(&mut self, target: Target) -> Result<Running, Begun> {
        let slot = self.execution.steps.len();
        let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{}/target/{slot}", self.start.id).as_bytes());
        let mut entry = step(&self.execution.id, slot, &target.name);
        entry.started_at = Some(self.ports.clock.now());
        entry.outputs.insert("ExecutionId".to_owned(), json!(id.to_string()));
        self.execution.steps.push(entry);
        self.tell(slot);
        let mut given = self.given.clone();
        given.extend(target.parameters);
        let own = target.spread.as_ref().map(Spread::own_parameters).unwrap_or_default();
        let environment = &self.start.environment;
        if target.account != environment.account {
            let reason = format!("Account {} is not here: this is {}", target.account, environment.account);
            return self.refuse(slot, reason);
        }
        let parameters = match self.start.document.bind_but(&given, &own) {
            Ok(parameters) => parameters,
            Err(error) => return self.refuse(slot, error.to_string()),
        };
        let mut environment = environment.clone();
        environment.region.clone_from(&target.region);
        let start = Start {
            id: id.to_string(),
            document_name: self.start.document_name.clone(),
            document_version: self.start.document_version.clone(),
            document: self.start.document.clone(),
            parameters,
            environment,
            executed_by: target.role.clone().unwrap_or_else(|| self.start.executed_by.clone()),
            parent_id: Some(self.start.id.clone()),
            depth: self.start.depth + 1,
            mode: Mode::Auto,
            role: target.role.or_else(|| self.start.role.clone()),
            target: Some(target.name),
        };
        let (stopper, signals) = signals();
        let ports = self.ports.clone();
        let execution = if let Some(spread) = target.spread {
            run_spread(start, spread, given, ports, signals)
        } else {
            self.ports.launcher.launch(start, ports, (stopper.clone(), signals), Family::Sibling)
        };
        Ok(Running { slot, stopper, execution })
    }

    fn refuse(&mut self, slot: usize, reason: String) -> Result<Running, Begun> {
        if let Some(entry) = self.execution.steps.get_mut(slot) {
            entry.failure_message = Some(reason);
            entry.status = Status::Failed;
            entry.ended_at = Some(self.ports.clock.now());
        }
        self.count(|counters| counters.failed += 1);
        self.tell(slot);
        Err(Begun::Badly)
    }

    fn close(&mut self, slot: usize, execution: &Execution) {
        if let Some(entry) = self.execution.steps.get_mut(slot) {
            entry.status = execution.status;
            entry.ended_at = execution.ended_at;
            entry.failure_message.clone_from(&execution.failure_message);
            entry.outputs.insert("Status".to_owned(), json!(execution.status.as_str()));
        }
        self.count(|counters| match execution.status {
            Status::Success => counters.success += 1,
            Status::TimedOut => counters.timed_out += 1,
            Status::Cancelled => counters.cancelled += 1,
            Status::Failed
            | Status::Exited
            | Status::Pending
            | Status::InProgress
            | Status::Waiting
            | Status::Cancelling => counters.failed += 1,
        });
        self.tell(slot);
    }

    fn count(&mut self, change: impl FnOnce(&mut super::Counters)) {
        if let Some(spread) = &mut self.execution.spread {
            change(&mut spread.counters);
        }
    }

    fn tell(&self, slot: usize) {
        if let Some(step) = self.execution.steps.get(slot) {
            self.ports.observer.step_changed(&self.execution, step);
        }
    }

    fn set_status(&mut self, status: Status) {
        self.execution.status = status;
        self.ports.observer.execution_changed(&self.execution);
    }

    /// All there is to run: a group for the targets, or one for each location.
    async fn groups(&self) -> Result<Vec<Group>, String> {
        let spread = &self.spread;
        if spread.target_locations.is_empty() {
            let targets = self.targets().await?;
            return Ok(vec![Group {
                targets,
                concurrency: spread.max_concurrency,
                errors: spread.max_errors,
            }]);
        }
        spread.target_locations.iter().map(|location| self.location(location)).collect()
    }

    fn location(&self, location: &Value) -> Result<Group, String> {
        let members = location.as_object().ok_or("an item of TargetLocations must be a map")?;
        let texts = |name: &str| -> Vec<String> {
            let items = members.get(name).and_then(Value::as_array).into_iter().flatten();
            items.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let share = |name: &str| request::share(members, name).map_err(|error| error.to_string());
        let excluded = texts("ExcludeAccounts");
        let (accounts, regions) = (texts("Accounts"), texts("Regions"));
        if accounts.is_empty() || regions.is_empty() {
            return Err("an item of TargetLocations needs Accounts and Regions".to_owned());
        }
        let role =
            members.get("ExecutionRoleName").and_then(Value::as_str).unwrap_or(choices::EXECUTION_ROLE_NAME);
        let own_targets = match members.get("Targets").and_then(Value::as_array) {
            Some(targets) if !targets.is_empty() => targets.clone(),
            _ => self.spread.targets.clone(),
        };
        let spread = (!own_targets.is_empty() || !self.spread.target_maps.is_empty()).then(|| Spread {
            targets: own_targets,
            target_locations: Vec::new(),
            ..self.spread.clone()
        });
        let spread = match spread {
            None => None,
            Some(mut spread) => {
                spread.max_concurrency = share("TargetsMaxConcurrency")?.unwrap_or(spread.max_concurrency);
                spread.max_errors = share("TargetsMaxErrors")?.unwrap_or(spread.max_errors);
                Some(spread)
            }
        };
        let partition = &self.start.environment.partition;
        let mut targets = Vec::new();
        for account in accounts.iter().filter(|account| !excluded.contains(account)) {
            for region in &regions {
                targets.push(Target {
                    name: format!("{account}:{region}"),
                    parameters: WireParameters::new(),
                    account: account.clone(),
                    region: region.clone(),
                    role: Some(format!("arn:{partition}:iam::{account}:role/{role}")),
                    spread: spread.clone(),
                });
            }
        }
        Ok(Group {
            targets,
            concurrency: share("TargetLocationMaxConcurrency")?.unwrap_or(choices::LOCATION_CONCURRENCY),
            errors: share("TargetLocationMaxErrors")?.unwrap_or(choices::LOCATION_ERRORS),
        })
    }

    async fn targets(&self) -> Result<Vec<Target>, String> {
        let named: Vec<(String, WireParameters)> = match self.spread.targets.first() {
            None => self
                .spread
                .target_maps
                .iter()
                .map(|map| (map.to_string(), request::parameters(map)))
                .collect(),
            Some(target) => {
                let parameter = self.spread.target_parameter.clone().unwrap_or_default();
                let values = self.values(target).await?;
                let given = |value: &str| WireParameters::from([(parameter.clone(), vec![value.to_owned()])]);
                values.into_iter().map(|value| (value.clone(), given(&value))).collect()
            }
        };
        let environment = &self.start.environment;
        Ok(named
            .into_iter()
            .map(|(name, parameters)| Target {
                name,
                parameters,
                account: environment.account.clone(),
                region: environment.region.clone(),
                role: None,
                spread: None,
            })
            .collect())
    }

    /// What a target stands for: the values themselves, or the resources with a tag or in a group.
    async fn values(&self, target: &Value) -> Result<Vec<String>, String> {
        let key = target.get("Key").and_then(Value::as_str).unwrap_or_default();
        let items = target.get("Values").and_then(Value::as_array).into_iter().flatten();
        let values: Vec<String> = items.filter_map(Value::as_str).map(str::to_owned).collect();
        let (service, api, parameters, list) = match key.strip_prefix("tag:") {
            Some(tag) => {
                let filter = json!([{"Key": tag, "Values": values}]);
                (
                    "resourcegroupstaggingapi",
                    "GetResources",
                    json!({"TagFilters": filter}),
                    "/ResourceTagMappingList",
                )
            }
            None if key == "ResourceGroup" => {
                let group = values.first().cloned().unwrap_or_default();
                ("resource-groups", "ListGroupResources", json!({"GroupName": group}), "/ResourceIdentifiers")
            }
            None => return Ok(values),
        };
        let call = ApiCall {
            service: service.to_owned(),
            api: api.to_owned(),
            parameters: parameters.as_object().cloned().unwrap_or_default(),
            region: self.start.environment.region.clone(),
            assume_role: self.start.role.clone(),
            origin: Origin {
                execution_id: self.start.id.clone(),
                document: self.start.document_name.clone(),
                step: String::new(),
            },
        };
        let found = self.ports.api.call(call).await.map_err(|error| Failure::api(&error).message)?;
        let resources = found.pointer(list).and_then(Value::as_array).into_iter().flatten();
        let arns =
            resources.filter_map(|resource| resource.get("ResourceARN").or(resource.get("ResourceArn")));
        Ok(arns.filter_map(Value::as_str).map(|arn| resource_id(arn).to_owned()).collect())
    }
}

/// That one could not be started.
enum Begun {
    Badly,
}

/// The id in an ARN, which is what a runbook's parameter takes.
fn resource_id(arn: &str) -> &str {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    resource.rsplit(['/', ':']).next().unwrap_or(resource)
}

/// The first of some executions that ends.
async fn first(running: &mut Vec<Running>) -> (usize, Execution) {
    let (place, execution) = poll_fn(|context| {
        for (place, one) in running.iter_mut().enumerate() {
            if let Poll::Ready(execution) = one.execution.as_mut().poll(context) {
                return Poll::Ready((place, execution));
            }
        }
        Poll::Pending
    })
    .await;
    (running.swap_remove(place).slot, execution)
}

/// How a started execution shows among the steps of the one that started it.
fn step(execution: &str, number: usize, target: &str) -> StepExecution {
    StepExecution {
        id: Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{execution}/{number}").as_bytes()).to_string(),
        name: target.to_owned(),
        action: "aws:executeAutomation".to_owned(),
        status: Status::InProgress,
        started_at: None,
        ended_at: None,
        timeout_seconds: None,
        on_failure: "Abort".to_owned(),
        max_attempts: 1,
        inputs: Map::new(),
        outputs: BTreeMap::new(),
        failure_message: None,
        failure: None,
        is_end: false,
        is_critical: true,
        next_step: None,
        valid_next_steps: Vec::new(),
        parent: None,
    }
}
