//! DynamoDB tables; RDS instances and clusters.

use serde_json::{Map, Value, json};

use super::{
    super::{
        item::Found,
        reader::{OrAbsent as _, ReadError, Reader},
    },
    shape::{
        Spelling, created, items, owned, related, related_by_name, sorted, tag_list, tags, text, without,
    },
};

/// `AWS::DynamoDB::Table`. The counts of its items change with its data and are not configuration.
pub(super) async fn tables(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    const GONE: [&str; 2] = ["ResourceNotFoundException", "TableNotFoundException"];
    let mut found = Vec::new();
    for name in reader.list("dynamodb", "ListTables", json!({}), "TableNames").await? {
        let asked = json!({"TableName": name});
        let table = reader.call("dynamodb", "DescribeTable", asked.clone()).await.or_absent(&GONE)?;
        let Some(table) = table.as_ref().and_then(|answer| answer.get("Table")) else { continue };
        let backups = reader.call("dynamodb", "DescribeContinuousBackups", asked).await.or_absent(&GONE)?;
        let arn = owned(table, "TableArn");
        let tagged = reader.call("dynamodb", "ListTagsOfResource", json!({"ResourceArn": arn})).await;
        let tagged = tagged.or_absent(&GONE)?.unwrap_or_default();
        let tags = tags(tagged.get("Tags"));
        let backups = backups.as_ref().and_then(|answer| answer.get("ContinuousBackupsDescription"));
        let supplementary = Map::from_iter([
            (
                "ContinuousBackupsDescription".to_owned(),
                Spelling::LeadingSmall.of(&status_only(backups.unwrap_or(&Value::Null))),
            ),
            ("Tags".to_owned(), tag_list(&tags)),
        ]);
        let name = owned(table, "TableName");
        found.push(Found {
            id: name.clone(),
            name: Some(name),
            arn,
            region: reader.region().to_owned(),
            zone: "Not Applicable".to_owned(),
            created: created(table, "CreationDateTime"),
            tags,
            configuration: Spelling::LeadingSmall.of(&without(table, &["ItemCount", "TableSizeBytes"])),
            supplementary,
            relationships: Vec::new(),
        });
    }
    Ok(found)
}

/// Of point-in-time recovery only the status is recorded: the window that can be restored moves by the second.
fn status_only(backups: &Value) -> Value {
    let recovery = backups.get("PointInTimeRecoveryDescription").unwrap_or(&Value::Null);
    json!({
        "ContinuousBackupsStatus": backups.get("ContinuousBackupsStatus"),
        "PointInTimeRecoveryDescription": {
            "PointInTimeRecoveryStatus": recovery.get("PointInTimeRecoveryStatus"),
        },
    })
}

/// `AWS::RDS::DBInstance`; its id is the `DbiResourceId`.
pub(super) async fn instances(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    let instances = reader.list("rds", "DescribeDBInstances", json!({}), "DBInstances").await?;
    Ok(instances
        .iter()
        .map(|instance| {
            let tags = tags(instance.get("TagList"));
            let subnets = instance.get("DBSubnetGroup").and_then(|group| text(group, "DBSubnetGroupName"));
            let several = instance.get("MultiAZ").and_then(Value::as_bool) == Some(true);
            Found {
                id: owned(instance, "DbiResourceId"),
                name: Some(owned(instance, "DBInstanceIdentifier")),
                arn: owned(instance, "DBInstanceArn"),
                region: reader.region().to_owned(),
                zone: if several {
                    "Multiple Availability Zones".to_owned()
                } else {
                    owned(instance, "AvailabilityZone")
                },
                created: created(instance, "InstanceCreateTime"),
                // `LatestRestorableTime` moves by the minute.
                configuration: Spelling::FirstSmall
                    .of(&without(instance, &["TagList", "LatestRestorableTime"])),
                supplementary: Map::from_iter([("Tags".to_owned(), tag_list(&tags))]),
                tags,
                relationships: sorted(groups(instance).chain(related(
                    "AWS::RDS::DBSubnetGroup",
                    subnets,
                    "Is associated with DBSubnetGroup",
                ))),
            }
        })
        .collect())
}

/// `AWS::RDS::DBCluster`; its id is the `DbClusterResourceId`.
pub(super) async fn clusters(reader: &Reader<'_>) -> Result<Vec<Found>, ReadError> {
    const MOVING: [&str; 2] = ["LatestRestorableTime", "EarliestRestorableTime"];
    let clusters = reader.list("rds", "DescribeDBClusters", json!({}), "DBClusters").await?;
    Ok(clusters
        .iter()
        .map(|cluster| {
            let tags = tags(cluster.get("TagList"));
            let members = items(cluster, "DBClusterMembers").iter().filter_map(|member| {
                related_by_name("AWS::RDS::DBInstance", text(member, "DBInstanceIdentifier"), "Contains ")
            });
            let subnets = related_by_name(
                "AWS::RDS::DBSubnetGroup",
                text(cluster, "DBSubnetGroup"),
                "Is associated with ",
            );
            Found {
                id: owned(cluster, "DbClusterResourceId"),
                name: Some(owned(cluster, "DBClusterIdentifier")),
                arn: owned(cluster, "DBClusterArn"),
                region: reader.region().to_owned(),
                zone: "Multiple Availability Zones".to_owned(),
                created: created(cluster, "ClusterCreateTime"),
                configuration: with_writers(Spelling::LeadingSmall.of(&without(cluster, &MOVING))),
                supplementary: Map::from_iter([("Tags".to_owned(), tag_list(&tags))]),
                tags,
                relationships: sorted(groups(cluster).chain(members).chain(subnets)),
            }
        })
        .collect())
}

/// Real items say of a member twice whether it is the writer.
fn with_writers(mut configuration: Value) -> Value {
    let members = configuration.get_mut("dbclusterMembers").and_then(Value::as_array_mut);
    for member in members.into_iter().flatten().filter_map(Value::as_object_mut) {
        if let Some(writer) = member.get("isClusterWriter").cloned() {
            member.insert("clusterWriter".to_owned(), writer);
        }
    }
    configuration
}

fn groups(database: &Value) -> impl Iterator<Item = super::super::item::Relationship> {
    items(database, "VpcSecurityGroups").iter().filter_map(|group| {
        let id = text(group, "VpcSecurityGroupId");
        related("AWS::EC2::SecurityGroup", id, "Is associated with SecurityGroup")
    })
}
