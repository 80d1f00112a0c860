//! What each action takes and gives.

/// An action.
pub(crate) struct Action {
    /// Its name.
    pub(crate) name: &'static str,
    /// Inputs that must be there.
    pub(crate) required: &'static [&'static str],
    /// Inputs that may be there.
    pub(crate) optional: &'static [&'static str],
    /// Outputs that it has of itself.
    pub(crate) outputs: &'static [&'static str],
    /// Whether the inputs are an API's parameters besides.
    pub(crate) api: bool,
    /// The longest that it may take, in seconds.
    pub(crate) longest: Option<u64>,
    /// Whether `onCancel` may lead to it.
    pub(crate) after_cancel: bool,
}

const fn action(
    name: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
    outputs: &'static [&'static str],
) -> Action {
    Action { name, required, optional, outputs, api: false, longest: None, after_cancel: true }
}

impl Action {
    const fn of_api(mut self) -> Self {
        self.api = true;
        self
    }

    const fn at_most(mut self, seconds: u64) -> Self {
        self.longest = Some(seconds);
        self
    }

    const fn not_after_cancel(mut self) -> Self {
        self.after_cancel = false;
        self
    }
}

/// The actions that AWS documents.
const ACTIONS: [Action; 23] = [
    action(
        "aws:approve",
        &["Approvers"],
        &["NotificationArn", "Message", "MinRequiredApprovals"],
        &["ApprovalStatus", "ApproverDecisions"],
    )
    .at_most(2_592_000)
    .not_after_cancel(),
    action(
        "aws:assertAwsResourceProperty",
        &["Service", "Api", "PropertySelector", "DesiredValues"],
        &[],
        &[],
    )
    .of_api(),
    action("aws:branch", &["Choices"], &["Default"], &[]),
    action(
        "aws:changeInstanceState",
        &["InstanceIds", "DesiredState"],
        &["CheckStateOnly", "Force", "AdditionalInfo"],
        &["InstanceStates"],
    ),
    action(
        "aws:copyImage",
        &["SourceRegion", "SourceImageId", "ImageName"],
        &["ImageDescription", "Encrypted", "KmsKeyId", "ClientToken"],
        &["ImageId", "ImageState"],
    )
    .not_after_cancel(),
    action(
        "aws:createImage",
        &["InstanceId", "ImageName"],
        &["ImageDescription", "NoReboot", "BlockDeviceMappings"],
        &["ImageId", "ImageState"],
    )
    .not_after_cancel(),
    action(
        "aws:createStack",
        &["StackName"],
        &[
            "Capabilities",
            "ClientRequestToken",
            "DisableRollback",
            "EnableTerminationProtection",
            "NotificationARNs",
            "OnFailure",
            "Parameters",
            "ResourceTypes",
            "RoleARN",
            "StackPolicyBody",
            "StackPolicyURL",
            "Tags",
            "TemplateBody",
            "TemplateURL",
            "TimeoutInMinutes",
        ],
        &["StackId", "StackStatus", "StackStatusReason"],
    )
    .not_after_cancel(),
    action("aws:createTags", &["ResourceIds", "Tags"], &["ResourceType"], &[]).not_after_cancel(),
    action("aws:deleteImage", &["ImageId"], &[], &[]),
    action("aws:deleteStack", &["StackName"], &["ClientRequestToken", "RetainResources", "RoleARN"], &[]),
    action(
        "aws:executeAutomation",
        &["DocumentName"],
        &[
            "DocumentVersion",
            "MaxConcurrency",
            "MaxErrors",
            "RuntimeParameters",
            "Tags",
            "TargetLocations",
            "TargetMaps",
            "TargetParameterName",
            "Targets",
        ],
        &["Output", "ExecutionId", "Status"],
    ),
    action("aws:executeAwsApi", &["Service", "Api"], &[], &[]).of_api(),
    action(
        "aws:executeScript",
        &["Runtime"],
        &["Handler", "InputPayload", "Script", "Attachment"],
        &["Payload"],
    )
    .at_most(600),
    action(
        "aws:executeStateMachine",
        &["stateMachineArn"],
        &["name", "input"],
        &["executionArn", "input", "name", "output", "startDate", "stateMachineArn", "status", "stopDate"],
    ),
    action("aws:invokeWebhook", &["IntegrationName"], &["Body"], &["Response", "ResponseCode"]),
    action(
        "aws:invokeLambdaFunction",
        &["FunctionName"],
        &["Qualifier", "InvocationType", "LogType", "ClientContext", "InputPayload", "Payload"],
        &["StatusCode", "FunctionError", "LogResult", "Payload"],
    )
    .at_most(300),
    action(
        "aws:loop",
        &["Steps"],
        &["Iterators", "IteratorDataType", "LoopCondition", "MaxIterations"],
        &["CurrentIteration", "CurrentIteratorValue"],
    )
    .not_after_cancel(),
    action("aws:pause", &[], &[], &[]).not_after_cancel(),
    action(
        "aws:runCommand",
        &["DocumentName"],
        &[
            "AlarmConfiguration",
            "CloudWatchOutputConfig",
            "Comment",
            "DocumentHash",
            "DocumentHashType",
            "DocumentVersion",
            "InstanceIds",
            "MaxConcurrency",
            "MaxErrors",
            "NotificationConfig",
            "OutputS3BucketName",
            "OutputS3KeyPrefix",
            "OutputS3Region",
            "Parameters",
            "ServiceRoleArn",
            "Targets",
            "TimeoutSeconds",
        ],
        &["CommandId", "Status", "ResponseCode", "Output"],
    ),
    action(
        "aws:runInstances",
        &["ImageId"],
        &[
            "AdditionalInfo",
            "BlockDeviceMappings",
            "ClientToken",
            "CreditSpecification",
            "DisableApiTermination",
            "EbsOptimized",
            "IamInstanceProfileArn",
            "IamInstanceProfileName",
            "InstanceInitiatedShutdownBehavior",
            "InstanceType",
            "KernelId",
            "KeyName",
            "LaunchTemplate",
            "MaxInstanceCount",
            "MetadataOptions",
            "MinInstanceCount",
            "Monitoring",
            "NetworkInterfaces",
            "Placement",
            "PrivateIpAddress",
            "RamdiskId",
            "SecurityGroupIds",
            "SecurityGroups",
            "SubnetId",
            "TagSpecifications",
            "UserData",
        ],
        &["InstanceIds", "InstanceStates"],
    )
    .not_after_cancel(),
    action("aws:sleep", &[], &["Duration", "Timestamp"], &[]).at_most(604_799).not_after_cancel(),
    action("aws:updateVariable", &["Name", "Value"], &[], &[]).not_after_cancel(),
    action(
        "aws:waitForAwsResourceProperty",
        &["Service", "Api", "PropertySelector", "DesiredValues"],
        &[],
        &[],
    )
    .of_api(),
];

/// Actions that AWS doesn't document and its own documents use.
pub(crate) const UNDOCUMENTED: [&str; 3] =
    ["aws:installDistributorPackageOnAzure", "aws:putServerUpgradeMetrics", "aws:shareSQLMedia"];

/// The action of a name.
pub(crate) fn find(name: &str) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.name == name)
}

/// Every name.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().map(|action| action.name)
}
