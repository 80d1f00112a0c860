//! Configuration items of real (emulated) resources, one of each type.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Value, json};

use crate::support::Aws;

pub(crate) async fn one_of_each_type_is_recorded_in_the_shape_of_aws(aws: &Aws) {
    let made = one_of_each(aws).await;
    let samples = samples();
    for (kind, id) in &made {
        let item = newest(aws, kind, id).await;
        assert_eq!(item["resourceType"], *kind);
        assert_eq!(item["configurationItemStatus"], "ResourceDiscovered", "{item:#}");
        assert_eq!(item["version"], "1.3");
        assert!(item["arn"].as_str().unwrap().starts_with("arn:aws:"), "{item:#}");
        let configuration: Value = serde_json::from_str(item["configuration"].as_str().unwrap()).unwrap();
        assert!(!configuration.as_object().unwrap().is_empty(), "{kind}");
        if let Some(sample) = samples.get(*kind) {
            assert_spelt_as(kind, &configuration, &sample["configuration"]);
        }
    }
    shapes_that_differ_from_the_api(aws, &made).await;
    lists_counts_and_batches(aws, &made).await;
    queries(aws, &made).await;
    what_is_not_recorded_is_refused(aws).await;
}

/// One resource of each type, by its id.
async fn one_of_each(aws: &Aws) -> BTreeMap<&'static str, String> {
    aws.call("s3", "CreateBucket", json!({"Bucket": "subject"})).await;
    let mut made = of_a_network(aws).await;
    made.extend(beside_it(aws).await);
    made
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn of_a_network(aws: &Aws) -> BTreeMap<&'static str, String> {
    let vpc = aws.call("ec2", "CreateVpc", json!({"CidrBlock": "10.8.0.0/16"})).await;
    let vpc = text(&vpc["Vpc"]["VpcId"]);
    let mut subnets = Vec::new();
    for (zone, block) in [("us-east-1a", "10.8.1.0/24"), ("us-east-1b", "10.8.2.0/24")] {
        let subnet = json!({"VpcId": vpc, "CidrBlock": block, "AvailabilityZone": zone});
        let subnet = aws.call("ec2", "CreateSubnet", subnet).await;
        subnets.push(text(&subnet["Subnet"]["SubnetId"]));
    }
    let group = json!({"GroupName": "subject", "Description": "subject", "VpcId": vpc});
    let group = text(&aws.call("ec2", "CreateSecurityGroup", group).await["GroupId"]);
    let open = json!({"GroupId": group, "IpPermissions": [{
        "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}],
    }]});
    aws.call("ec2", "AuthorizeSecurityGroupIngress", open).await;
    let image = aws.call("ec2", "DescribeImages", json!({"Owners": ["amazon"]})).await;
    let image = text(&image["Images"][0]["ImageId"]);
    let instance = json!({
        "ImageId": image, "MinCount": 1, "MaxCount": 1, "InstanceType": "t3.micro", "KeyName": "a-key",
        "SubnetId": subnets[0], "SecurityGroupIds": [group],
        "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "a"}]}],
    });
    aws.call("ec2", "CreateKeyPair", json!({"KeyName": "a-key"})).await;
    let instance = aws.call("ec2", "RunInstances", instance).await;
    let volume = json!({"AvailabilityZone": "us-east-1a", "Size": 8, "VolumeType": "gp2"});
    let volume = aws.call("ec2", "CreateVolume", volume).await;
    let interface = aws.call("ec2", "CreateNetworkInterface", json!({"SubnetId": subnets[0]})).await;
    let address = aws.call("ec2", "AllocateAddress", json!({"Domain": "vpc"})).await;
    let template = json!({"LaunchTemplateName": "subject", "LaunchTemplateData": {
        "ImageId": image, "InstanceType": "t3.micro", "UserData": "c2VjcmV0",
    }});
    let template = aws.call("ec2", "CreateLaunchTemplate", template).await;
    let template = text(&template["LaunchTemplate"]["LaunchTemplateId"]);
    let scaling = json!({
        "AutoScalingGroupName": "subject", "MinSize": 0, "MaxSize": 1, "VPCZoneIdentifier": subnets.join(","),
        "LaunchTemplate": {"LaunchTemplateId": template, "Version": "$Latest"},
    });
    aws.call("autoscaling", "CreateAutoScalingGroup", scaling).await;
    let scaling = aws.call("autoscaling", "DescribeAutoScalingGroups", json!({})).await;
    let log = json!({
        "ResourceIds": [vpc], "ResourceType": "VPC", "TrafficType": "ALL", "LogDestinationType": "s3",
        "LogDestination": "arn:aws:s3:::subject",
    });
    let log = aws.call("ec2", "CreateFlowLogs", log).await;
    let balancer =
        aws.call("elbv2", "CreateLoadBalancer", json!({"Name": "subject", "Subnets": subnets})).await;
    let targets = json!({"Name": "subject", "Protocol": "HTTP", "Port": 80, "VpcId": vpc});
    let targets = aws.call("elbv2", "CreateTargetGroup", targets).await;
    BTreeMap::from([
        ("AWS::EC2::VPC", vpc),
        ("AWS::EC2::Subnet", subnets[0].clone()),
        ("AWS::EC2::SecurityGroup", group),
        ("AWS::EC2::Instance", text(&instance["Instances"][0]["InstanceId"])),
        ("AWS::EC2::Volume", text(&volume["VolumeId"])),
        ("AWS::EC2::NetworkInterface", text(&interface["NetworkInterface"]["NetworkInterfaceId"])),
        ("AWS::EC2::EIP", text(&address["AllocationId"])),
        ("AWS::EC2::LaunchTemplate", template),
        ("AWS::EC2::FlowLog", text(&log["FlowLogIds"][0])),
        ("AWS::AutoScaling::AutoScalingGroup", text(&scaling["AutoScalingGroups"][0]["AutoScalingGroupARN"])),
        ("AWS::ElasticLoadBalancingV2::LoadBalancer", text(&balancer["LoadBalancers"][0]["LoadBalancerArn"])),
        ("AWS::ElasticLoadBalancingV2::TargetGroup", text(&targets["TargetGroups"][0]["TargetGroupArn"])),
    ])
}

async fn beside_it(aws: &Aws) -> BTreeMap<&'static str, String> {
    let cleaned = json!({"Bucket": "subject", "LifecycleConfiguration": {"Rules": [{
        "ID": "clean", "Status": "Enabled", "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
    }]}});
    aws.call("s3", "PutBucketLifecycleConfiguration", cleaned).await;
    let database = json!({
        "DBInstanceIdentifier": "subject", "DBInstanceClass": "db.t3.micro", "Engine": "postgres",
        "AllocatedStorage": 20, "MaxAllocatedStorage": 100, "MasterUsername": "someone",
        "MasterUserPassword": "not-a-secret",
    });
    let database = aws.call("rds", "CreateDBInstance", database).await;
    let cluster = json!({
        "DBClusterIdentifier": "subject", "Engine": "aurora-mysql", "MasterUsername": "someone",
        "MasterUserPassword": "not-a-secret",
    });
    let cluster = aws.call("rds", "CreateDBCluster", cluster).await;
    let table = json!({
        "TableName": "subject", "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    });
    aws.call("dynamodb", "CreateTable", table).await;
    let trust = json!({"Version": "2012-10-17", "Statement": []}).to_string();
    let role = json!({"RoleName": "subject", "AssumeRolePolicyDocument": trust});
    let role = aws.call("iam", "CreateRole", role).await;
    let user = aws.call("iam", "CreateUser", json!({"UserName": "subject"})).await;
    let key = aws.call("kms", "CreateKey", json!({})).await;
    let certificate = json!({"DomainName": "example.com", "ValidationMethod": "DNS"});
    let certificate = aws.call("acm", "RequestCertificate", certificate).await;
    aws.call("cloudtrail", "CreateTrail", json!({"Name": "subject", "S3BucketName": "subject"})).await;
    BTreeMap::from([
        ("AWS::S3::Bucket", "subject".to_owned()),
        ("AWS::RDS::DBInstance", text(&database["DBInstance"]["DbiResourceId"])),
        ("AWS::RDS::DBCluster", text(&cluster["DBCluster"]["DbClusterResourceId"])),
        ("AWS::DynamoDB::Table", "subject".to_owned()),
        ("AWS::IAM::Role", text(&role["Role"]["RoleId"])),
        ("AWS::IAM::User", text(&user["User"]["UserId"])),
        ("AWS::KMS::Key", text(&key["KeyMetadata"]["KeyId"])),
        ("AWS::ACM::Certificate", text(&certificate["CertificateArn"])),
        ("AWS::CloudTrail::Trail", "subject".to_owned()),
    ])
}

async fn shapes_that_differ_from_the_api(aws: &Aws, made: &BTreeMap<&str, String>) {
    let configuration = async |kind: &str| {
        let item = newest(aws, kind, &made[kind]).await;
        let configuration: Value = serde_json::from_str(item["configuration"].as_str().unwrap()).unwrap();
        (item, configuration)
    };
    let (item, instance) = configuration("AWS::EC2::Instance").await;
    assert_eq!(instance["keyName"], "a-key");
    assert_eq!(item["tags"], json!({"team": "a"}));
    let related = item["relationships"].as_array().unwrap();
    assert!(related.iter().any(|other| other["resourceId"] == made["AWS::EC2::SecurityGroup"].as_str()));
    let (item, group) = configuration("AWS::EC2::SecurityGroup").await;
    assert_eq!(group["ipPermissions"][0]["ipRanges"], json!(["10.0.0.0/8"]));
    assert_eq!(group["ipPermissions"][0]["ipv4Ranges"][0]["cidrIp"], "10.0.0.0/8");
    let related = item["relationships"].as_array().unwrap();
    assert!(related.iter().any(|other| other["resourceType"] == "AWS::EC2::NetworkInterface"), "{item:#}");
    let (_, database) = configuration("AWS::RDS::DBInstance").await;
    assert_eq!(
        (&database["dBInstanceIdentifier"], &database["maxAllocatedStorage"]),
        (&json!("subject"), &json!(100))
    );
    let (_, cluster) = configuration("AWS::RDS::DBCluster").await;
    assert_eq!(cluster["dbclusterIdentifier"], "subject");
    let (_, template) = configuration("AWS::EC2::LaunchTemplate").await;
    assert_eq!(template["LaunchTemplateData"]["InstanceType"], "t3.micro");
    assert!(template["LaunchTemplateData"].get("UserData").is_none(), "{template}");
    let (item, _) = configuration("AWS::S3::Bucket").await;
    let lifecycle = item["supplementaryConfiguration"]["BucketLifecycleConfiguration"].as_str().unwrap();
    let lifecycle: Value = serde_json::from_str(lifecycle).unwrap();
    assert_eq!(lifecycle["rules"][0]["abortIncompleteMultipartUpload"]["daysAfterInitiation"], 7);
    let (item, role) = configuration("AWS::IAM::Role").await;
    assert_eq!(item["awsRegion"], "global");
    assert!(role["assumeRolePolicyDocument"].as_str().unwrap().starts_with("%7B"), "{role}");
    let (_, group) = configuration("AWS::AutoScaling::AutoScalingGroup").await;
    assert_eq!(group["vpczoneIdentifier"].as_str().unwrap().matches("subnet-").count(), 2);
}

async fn lists_counts_and_batches(aws: &Aws, made: &BTreeMap<&str, String>) {
    let volume = made["AWS::EC2::Volume"].as_str();
    let listed = json!({"resourceType": "AWS::EC2::Volume", "resourceIds": [volume]});
    let listed = aws.call("config", "ListDiscoveredResources", listed).await;
    assert_eq!(
        listed["resourceIdentifiers"],
        json!([{"resourceType": "AWS::EC2::Volume", "resourceId": volume}])
    );
    let counts = json!({"resourceTypes": ["AWS::S3::Bucket", "AWS::DynamoDB::Table"]});
    let counts = aws.call("config", "GetDiscoveredResourceCounts", counts).await;
    assert_eq!(counts["totalDiscoveredResources"], 2, "{counts}");
    let keys = json!({"resourceKeys": [
        {"resourceType": "AWS::S3::Bucket", "resourceId": "subject"},
        {"resourceType": "AWS::S3::Bucket", "resourceId": "no-such-bucket"},
    ]});
    let batch = aws.call("config", "BatchGetResourceConfig", keys).await;
    assert_eq!(batch["baseConfigurationItems"].as_array().unwrap().len(), 1, "{batch}");
    let unknown = json!({"resourceType": "AWS::S3::Bucket", "resourceId": "no-such-bucket"});
    let unknown = aws.try_call("config", "GetResourceConfigHistory", unknown).await.unwrap_err();
    assert_eq!(unknown.code, "ResourceNotDiscoveredException");
}

async fn queries(aws: &Aws, made: &BTreeMap<&str, String>) {
    let group = made["AWS::EC2::SecurityGroup"].as_str();
    let rows =
        select(aws, &format!("SELECT resourceType, resourceId WHERE relationships.resourceId = '{group}'"))
            .await;
    let instance = json!({"resourceType": "AWS::EC2::Instance", "resourceId": made["AWS::EC2::Instance"]});
    assert!(rows.contains(&instance), "{rows:?}");
    let rows = select(
        aws,
        "SELECT resourceId, configuration.volumeType, tags WHERE resourceType = 'AWS::EC2::Volume' AND configuration.volumeType = 'gp2'",
    )
    .await;
    let volume = made["AWS::EC2::Volume"].as_str();
    assert!(
        rows.iter()
            .any(|row| row["resourceId"] == volume && row["configuration"] == json!({"volumeType": "gp2"}))
    );
    let wrong = json!({"Expression": "SELECT resourceId WHERE"});
    let wrong = aws.try_call("config", "SelectResourceConfig", wrong).await.unwrap_err();
    assert_eq!(wrong.code, "InvalidExpressionException");
}

async fn select(aws: &Aws, expression: &str) -> Vec<Value> {
    let answer =
        aws.call("config", "SelectResourceConfig", json!({"Expression": expression, "Limit": 100})).await;
    let rows = answer["Results"].as_array().unwrap().iter();
    rows.map(|row| serde_json::from_str(row.as_str().unwrap()).unwrap()).collect()
}

/// AWS Config records no snapshots, images or log groups, so rules on them are periodic.
async fn what_is_not_recorded_is_refused(aws: &Aws) {
    for kind in ["AWS::EC2::Snapshot", "AWS::Logs::LogGroup", "AWS::CloudHSMV2::Cluster"] {
        let listed = aws.try_call("config", "ListDiscoveredResources", json!({"resourceType": kind})).await;
        assert_eq!(listed.unwrap_err().code, "ValidationException", "{kind}");
    }
}

async fn newest(aws: &Aws, kind: &str, id: &str) -> Value {
    let asked = json!({"resourceType": kind, "resourceId": id, "limit": 1});
    let mut last = String::new();
    for _ in 0..100 {
        match aws.try_call("config", "GetResourceConfigHistory", asked.clone()).await {
            Ok(answer) => return answer["configurationItems"][0].clone(),
            Err(error) => last = error.to_string(),
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{kind} {id} was never recorded: {last}")
}

/// Real items by type, where the folder with them is at hand.
fn samples() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/events/config-items");
    let mut samples = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let mut item: Value = serde_json::from_str(&text).unwrap();
        if let Some(text) = item["configuration"].as_str() {
            item["configuration"] = serde_json::from_str(text).unwrap();
        }
        samples.insert(item["resourceType"].as_str().unwrap().to_owned(), item);
    }
    samples
}

/// No member of ours is one of a real item's in another spelling.
fn assert_spelt_as(path: &str, ours: &Value, real: &Value) {
    match (ours, real) {
        (Value::Object(ours), Value::Object(real)) => {
            for (name, value) in ours {
                let same = real.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
                if let Some((other, there)) = same {
                    // Whoever published the real items has decoded the policies in them.
                    if name.ends_with("PolicyDocument") {
                        continue;
                    }
                    assert_eq!(name, other, "{path}: spelt differently from a real item");
                    assert_spelt_as(&format!("{path}.{name}"), value, there);
                }
            }
        }
        (Value::Array(ours), Value::Array(real)) => {
            if let (Some(ours), Some(real)) = (ours.first(), real.first()) {
                assert_spelt_as(path, ours, real);
            }
        }
        (ours, real) => {
            let kinds = (kind(ours), kind(real));
            assert!(kinds.0 == kinds.1 || ours.is_null() || real.is_null(), "{path}: {ours} is no {real}");
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
