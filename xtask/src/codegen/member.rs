//! What a member account holds: `infra/member.yaml`, one flat template, because a stack set with service-managed permissions
//! takes no nested stacks.

use super::{
    config_rules,
    definition::Definition,
    events, roles,
    template::{boundary, boundary_condition, logical, prefixed, role_parameters, template},
    yaml::{Yaml, list, map, reference, sub, text},
};

/// Whether the member's own AWS Config rules are wanted.
const WITH_RULES: &str = "WithConfigRules";

/// `infra/member.yaml`.
pub(crate) fn generate(controls: &[Definition]) -> String {
    let mut conditions = vec![boundary_condition(), (WITH_RULES, is(("DeployConfigRules", "true")))];
    let rules = config_rules::managed(controls, WITH_RULES);
    conditions.extend(rules.iter().map(|rule| (rule.condition.as_str(), rule.wanted.clone())));
    let mut resources = vec![
        ("MemberRole".to_owned(), member_role()),
        ("LookRole".to_owned(), look_role()),
        ("ForwardRole".to_owned(), forward_role()),
        (
            "ForwardJudgementsRule".to_owned(),
            forward("judgements", "What AWS Config says of resources", judgements()),
        ),
        (
            "ForwardRunbooksRule".to_owned(),
            forward("runbooks", "How far Plumb's runbooks have got", runbooks()),
        ),
        ("Aggregation".to_owned(), aggregation()),
    ];
    for (name, pattern) in events::patterns(controls) {
        let what = format!("Calls to {name} that may make a violation");
        resources.push((
            format!("Forward{}CallsRule", logical(&name)),
            forward(&format!("calls-{name}"), &what, pattern),
        ));
    }
    resources.extend(
        controls.iter().map(|control| (format!("{}Role", logical(&control.id)), roles::role(control))),
    );
    resources.extend(rules.iter().map(|rule| (rule.logical_id.clone(), rule.resource.clone())));
    template(
        "Plumb in a member account: what happens there goes to the hub, which may fix it there. One stack per account and Region; made for a StackSet.",
        parameters(),
        conditions,
        resources,
        vec![(
            "MemberRole",
            map([
                ("Description", text("The role by which the hub's functions act here")),
                ("Value", attribute("MemberRole", "Arn")),
            ]),
        )],
    )
}

fn parameters() -> Vec<(&'static str, Yaml)> {
    let parameter = |description: &str, rest: Vec<(&str, Yaml)>| {
        let head = [("Type", text("String")), ("Description", text(description))];
        map(head.into_iter().chain(rest))
    };
    let mut all = vec![
        (
            "HubAccountId",
            parameter("The account that Plumb runs in", vec![("AllowedPattern", text("[0-9]{12}"))]),
        ),
        (
            "HubRegion",
            parameter("The Region that it runs in", vec![("AllowedPattern", text("[a-z0-9-]{4,32}"))]),
        ),
        (
            "ExternalId",
            parameter(
                "The hub's ExternalId: who assumes the role that this makes has to say it",
                vec![("MinLength", Yaml::Integer(2)), ("MaxLength", Yaml::Integer(1224))],
            ),
        ),
        (
            "DeployConfigRules",
            parameter(
                "Whether to create AWS Config rules that detect the problems; they need a configuration recorder",
                vec![("AllowedValues", list(["true", "false"].map(text))), ("Default", text("true"))],
            ),
        ),
    ];
    all.extend(config_rules::parameters());
    all.extend(role_parameters());
    all
}

/// A condition: a parameter has a value.
fn is((parameter, value): (&str, &str)) -> Yaml {
    map([("Fn::Equals", list([reference(parameter), text(value)]))])
}

fn attribute(resource: &str, name: &str) -> Yaml {
    map([("Fn::GetAtt", list([text(resource), text(name)]))])
}

/// The bus of the hub that takes members' events.
fn hub_bus() -> Yaml {
    sub("arn:${AWS::Partition}:events:${HubRegion}:${HubAccountId}:event-bus/${Prefix}-members")
}

/// The role by which the hub's functions act here. Its principal is the hub's account, narrowed to two of its roles by their
/// ARNs: named as principals they would have to exist first, and would be lost when the hub's stack is made anew.
fn member_role() -> Yaml {
    let function = |name: &str| {
        sub(format!(
            "arn:${{AWS::Partition}}:iam::${{HubAccountId}}:role${{RolePath}}${{Prefix}}.${{HubRegion}}.{name}"
        ))
    };
    let trust = map([
        ("Effect", text("Allow")),
        ("Principal", map([("AWS", reference("HubAccountId"))])),
        ("Action", text("sts:AssumeRole")),
        (
            "Condition",
            map([
                ("StringEquals", map([("sts:ExternalId", reference("ExternalId"))])),
                ("ArnEquals", map([("aws:PrincipalArn", list([function("remediate"), function("track")]))])),
            ]),
        ),
    ]);
    let ssm = |account: &str, rest: &str| {
        sub(format!("arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:${{{account}}}:{rest}"))
    };
    let to_ssm = map([("StringEquals", map([("iam:PassedToService", text("ssm.amazonaws.com"))]))]);
    let statements = list([
        statement(
            "OnlyTheHubsRunbooks",
            &["ssm:StartAutomationExecution"],
            vec![
                ssm("HubAccountId", "automation-definition/${Prefix}-*:*"),
                ssm("HubAccountId", "document/${Prefix}-*"),
            ],
            None,
        ),
        statement(
            "Executions",
            &["ssm:GetAutomationExecution"],
            vec![ssm("AWS::AccountId", "automation-execution/*")],
            None,
        ),
        statement(
            "OnlyTheirRoles",
            &["iam:PassRole"],
            vec![sub(
                "arn:${AWS::Partition}:iam::${AWS::AccountId}:role${RolePath}${Prefix}-${AWS::Region}-*",
            )],
            Some(to_ssm),
        ),
        // None of these has a resource level.
        statement(
            "Facts",
            &["tag:GetResources", "config:BatchGetResourceConfig", "config:GetComplianceDetailsByResource"],
            vec![text("*")],
            None,
        ),
        statement(
            "JudgeAgain",
            &["config:StartConfigRulesEvaluation"],
            vec![sub("arn:${AWS::Partition}:config:${AWS::Region}:${AWS::AccountId}:config-rule/*")],
            None,
        ),
    ]);
    role(
        "Plumb's hub acts by this role",
        ("RoleName", sub("${Prefix}.${AWS::Region}.member")),
        trust,
        ("member", statements),
    )
}

/// The role by which the hub's operators see what a decision depends on (`plumb plan`, `plumb explain`). Whom of its account
/// the hub allows to assume it is the hub's to say, in their own policies.
fn look_role() -> Yaml {
    let trust = map([
        ("Effect", text("Allow")),
        ("Principal", map([("AWS", reference("HubAccountId"))])),
        ("Action", text("sts:AssumeRole")),
        ("Condition", map([("StringEquals", map([("sts:ExternalId", reference("ExternalId"))]))])),
    ]);
    // Neither has a resource level.
    let tags = ["tag:GetResources", "config:BatchGetResourceConfig"];
    role(
        "Operators of Plumb's hub look at tags by this role",
        ("RoleName", sub("${Prefix}.${AWS::Region}.look")),
        trust,
        ("look", list([statement("Tags", &tags, vec![text("*")], None)])),
    )
}

/// By this role EventBridge hands events to the hub.
fn forward_role() -> Yaml {
    let trust = map([
        ("Effect", text("Allow")),
        ("Principal", map([("Service", text("events.amazonaws.com"))])),
        ("Action", text("sts:AssumeRole")),
        ("Condition", map([("StringEquals", map([("aws:SourceAccount", reference("AWS::AccountId"))]))])),
    ]);
    role(
        "EventBridge hands Plumb's hub what happens here",
        ("RoleName", sub("${Prefix}.${AWS::Region}.forward")),
        trust,
        ("forward", list([statement("ToTheHub", &["events:PutEvents"], vec![hub_bus()], None)])),
    )
}

fn statement(sid: &str, actions: &[&str], resources: Vec<Yaml>, condition: Option<Yaml>) -> Yaml {
    let mut entries = vec![
        ("Sid", text(sid)),
        ("Effect", text("Allow")),
        ("Action", list(actions.iter().copied().map(text))),
        ("Resource", list(resources)),
    ];
    entries.extend(condition.map(|condition| ("Condition", condition)));
    map(entries)
}

fn role(description: &str, name: (&str, Yaml), trust: Yaml, (policy, statements): (&str, Yaml)) -> Yaml {
    let document = |statements| map([("Version", text("2012-10-17")), ("Statement", statements)]);
    map([
        ("Type", text("AWS::IAM::Role")),
        (
            "Properties",
            map([
                name,
                ("Description", text(description)),
                ("AssumeRolePolicyDocument", document(list([trust]))),
                ("Path", reference("RolePath")),
                boundary(),
                (
                    "Policies",
                    list([map([("PolicyName", text(policy)), ("PolicyDocument", document(statements))])]),
                ),
                ("Tags", list([map([("Key", text("plumb:prefix")), ("Value", reference("Prefix"))])])),
            ]),
        ),
    ])
}

/// A rule that hands events to the hub. EventBridge tries for a day; what is lost then is found by the hub's sweep.
fn forward(name: &str, what: &str, pattern: Yaml) -> Yaml {
    let retries = map([
        ("MaximumEventAgeInSeconds", Yaml::Integer(86_400)),
        ("MaximumRetryAttempts", Yaml::Integer(185)),
    ]);
    let target = map([
        ("Id", text("hub")),
        ("Arn", hub_bus()),
        ("RoleArn", attribute("ForwardRole", "Arn")),
        ("RetryPolicy", retries),
    ]);
    map([
        ("Type", text("AWS::Events::Rule")),
        (
            "Properties",
            map([
                ("Name", prefixed(&format!("forward-{name}"))),
                ("Description", text(format!("{what}, to Plumb's hub"))),
                ("State", text("ENABLED")),
                ("EventPattern", pattern),
                ("Targets", list([target])),
            ]),
        ),
    ])
}

fn judgements() -> Yaml {
    let kinds = ["NON_COMPLIANT", "COMPLIANT", "NOT_APPLICABLE"].map(text);
    map([
        ("source", list([text("aws.config")])),
        ("detail-type", list([text("Config Rules Compliance Change")])),
        (
            "detail",
            map([
                ("messageType", list([text("ComplianceChangeNotification")])),
                ("newEvaluationResult", map([("complianceType", list(kinds))])),
            ]),
        ),
    ])
}

/// AWS does not say whether a shared document's status event has its name or its ARN.
fn runbooks() -> Yaml {
    let begins = |beginning: Yaml| map([("prefix", beginning)]);
    let shared = "arn:${AWS::Partition}:ssm:${AWS::Region}:${HubAccountId}:document/${Prefix}-";
    map([
        ("source", list([text("aws.ssm")])),
        ("detail-type", list([text("EC2 Automation Execution Status-change Notification")])),
        ("detail", map([("Definition", list([begins(prefixed("")), begins(sub(shared))]))])),
    ])
}

/// The hub's aggregator may gather what AWS Config found here.
fn aggregation() -> Yaml {
    map([
        ("Type", text("AWS::Config::AggregationAuthorization")),
        (
            "Properties",
            map([
                ("AuthorizedAccountId", reference("HubAccountId")),
                ("AuthorizedAwsRegion", reference("HubRegion")),
            ]),
        ),
    ])
}
