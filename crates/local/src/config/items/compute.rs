//! EC2 instances, their volumes and templates; Lambda functions.

use serde_json::{Map, Value, json};

use super::{
    super::{
        item::Found,
        reader::{OrAbsent as _, ReadError, Reader},
    },
    shape::{Spelling, created, items, owned, related, related_by_name, sorted, tags, text, without},
};

/// `AWS::EC2::Instance`. One that is terminated is gone, though EC2 lists it for an hour more.
pub(super) async fn instances(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    let reservations = reader.list("ec2", "DescribeInstances", json!({}), "Reservations").await?;
    Ok(reservations
        .iter()
        .flat_map(|reservation| items(reservation, "Instances"))
        .filter(|instance| state(instance) != Some("terminated"))
        .map(|instance| {
            let id = owned(instance, "InstanceId");
            let security = items(instance, "SecurityGroups").iter().filter_map(|group| {
                related("AWS::EC2::SecurityGroup", text(group, "GroupId"), "Is associated with SecurityGroup")
            });
            let volumes = items(instance, "BlockDeviceMappings").iter().filter_map(|mapping| {
                related("AWS::EC2::Volume", text(mapping.get("Ebs")?, "VolumeId"), "Is attached to Volume")
            });
            let interfaces = items(instance, "NetworkInterfaces").iter().filter_map(|interface| {
                let id = text(interface, "NetworkInterfaceId");
                related("AWS::EC2::NetworkInterface", id, "Contains NetworkInterface")
            });
            let places = [
                related("AWS::EC2::Subnet", text(instance, "SubnetId"), "Is contained in Subnet"),
                related("AWS::EC2::VPC", text(instance, "VpcId"), "Is contained in Vpc"),
            ];
            Found {
                arn: reader.arn("ec2", &format!("instance/{id}")),
                id,
                name: None,
                region: reader.region().to_owned(),
                zone: owned(instance.get("Placement").unwrap_or(&Value::Null), "AvailabilityZone"),
                created: created(instance, "LaunchTime"),
                tags: tags(instance.get("Tags")),
                configuration: Spelling::FirstSmall.of(instance),
                supplementary: Map::new(),
                relationships: sorted(
                    security.chain(volumes).chain(interfaces).chain(places.into_iter().flatten()),
                ),
            }
        })
        .collect())
}

fn state(instance: &Value) -> Option<&str> {
    text(instance.get("State")?, "Name")
}

/// `AWS::EC2::Volume`.
pub(super) async fn volumes(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    let volumes = reader.list("ec2", "DescribeVolumes", json!({}), "Volumes").await?;
    Ok(volumes
        .iter()
        .map(|volume| {
            let id = owned(volume, "VolumeId");
            let attached = items(volume, "Attachments").iter().filter_map(|attachment| {
                related("AWS::EC2::Instance", text(attachment, "InstanceId"), "Is attached to Instance")
            });
            Found {
                arn: reader.arn("ec2", &format!("volume/{id}")),
                id,
                name: None,
                region: reader.region().to_owned(),
                zone: owned(volume, "AvailabilityZone"),
                created: created(volume, "CreateTime"),
                tags: tags(volume.get("Tags")),
                configuration: Spelling::FirstSmall.of(volume),
                supplementary: Map::new(),
                relationships: sorted(attached),
            }
        })
        .collect())
}

/// `AWS::EC2::LaunchTemplate`, with the data of its latest version.
pub(super) async fn launch_templates(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    let templates = reader.list("ec2", "DescribeLaunchTemplates", json!({}), "LaunchTemplates").await?;
    let mut found = Vec::new();
    for template in templates {
        let id = owned(&template, "LaunchTemplateId");
        let asked = json!({"LaunchTemplateId": id, "Versions": ["$Latest"]});
        let versions = reader.call("ec2", "DescribeLaunchTemplateVersions", asked).await;
        let Some(versions) = versions.or_absent(&[
            "InvalidLaunchTemplateId.NotFound",
            "InvalidLaunchTemplateName.NotFoundException",
            "InvalidLaunchTemplateId.VersionNotFound",
        ])?
        else {
            continue;
        };
        let latest = items(&versions, "LaunchTemplateVersions").first().unwrap_or(&Value::Null);
        let data = latest.get("LaunchTemplateData").cloned().unwrap_or_else(|| json!({}));
        let number = |name: &str| template.get(name).map(Value::to_string);
        let name = owned(&template, "LaunchTemplateName");
        let configuration = json!({
            "LaunchTemplateName": name,
            "Id": id,
            // What user data say may be a secret; AWS's schema of the type leaves them out.
            "LaunchTemplateData": Spelling::Schema.of(&without(&data, &["UserData"])),
            "DefaultVersionNumber": number("DefaultVersionNumber"),
            "LatestVersionNumber": number("LatestVersionNumber"),
            "TagSpecifications": [],
        });
        found.push(Found {
            arn: reader.arn("ec2", &format!("launch-template/{id}")),
            id,
            name: Some(name),
            region: reader.region().to_owned(),
            zone: "Regional".to_owned(),
            created: None,
            tags: tags(template.get("Tags")),
            configuration,
            supplementary: Map::new(),
            relationships: Vec::new(),
        });
    }
    Ok(found)
}

/// `AWS::Lambda::Function`. What its environment says may be a secret and is left out, as in AWS's schema of the type.
pub(super) async fn functions(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    let mut found = Vec::new();
    for function in reader.list("lambda", "ListFunctions", json!({}), "Functions").await? {
        let (name, arn) = (owned(&function, "FunctionName"), owned(&function, "FunctionArn"));
        let answer = reader.call("lambda", "ListTags", json!({"Resource": arn})).await;
        let tagged = answer.or_absent(&["ResourceNotFoundException"])?;
        let vpc = function.get("VpcConfig").unwrap_or(&Value::Null);
        let role = text(&function, "Role").and_then(|role| role.rsplit_once('/')).map(|(_, name)| name);
        let related_to = |kind: &'static str, list: &str, how: &'static str| {
            let ids: Vec<_> =
                items(vpc, list).iter().filter_map(|id| related(kind, id.as_str(), how)).collect();
            ids
        };
        let relationships = sorted(
            related_by_name("AWS::IAM::Role", role, "Is associated with ")
                .into_iter()
                .chain(related_to(
                    "AWS::EC2::SecurityGroup",
                    "SecurityGroupIds",
                    "Is associated with SecurityGroup",
                ))
                .chain(related_to("AWS::EC2::Subnet", "SubnetIds", "Is contained in Subnet")),
        );
        found.push(Found {
            id: name.clone(),
            name: Some(name),
            arn,
            region: reader.region().to_owned(),
            zone: "Not Applicable".to_owned(),
            created: None,
            tags: tags(tagged.as_ref().and_then(|answer| answer.get("Tags"))),
            configuration: Spelling::LeadingSmall.of(&without(&function, &["Environment"])),
            supplementary: Map::new(),
            relationships,
        });
    }
    Ok(found)
}
