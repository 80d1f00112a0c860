"""What `remediate` would be as a plain Python function: the same calls to AWS, and nothing that would slow it down.

Clients are made as the module is loaded, as AWS advises; the policy is JSON, so that no YAML parser has to be loaded, and is
kept for fifteen seconds, as `remediate` keeps it.
"""

import json
import os
import time
import uuid
from datetime import datetime, timezone

import boto3

FRESH = 15
PREFIX = os.environ['PLUMB_PREFIX']
TABLE = os.environ['PLUMB_LEDGER_TABLE']
APPLICATION, ENVIRONMENT, PROFILE = os.environ['PLUMB_POLICY_PROFILE'].split('/')
NAMESPACE = uuid.UUID('6f1c1b1e-6c1d-5b0e-9a53-3c8f3b1d7a10')

appconfig = boto3.client('appconfigdata')
ssm = boto3.client('ssm')
tagging = boto3.client('resourcegroupstaggingapi')
dynamodb = boto3.client('dynamodb')
policy_read = (float('-inf'), None, {})


def handler(event, _context):
    failures = []
    for message in event['Records']:
        try:
            remediate(json.loads(message['body']))
        except Exception as error:  # as `remediate` does: the rest of the batch goes on
            print(json.dumps({'level': 'ERROR', 'message': str(error)}))
            failures.append({'itemIdentifier': message['messageId']})
    return {'batchItemFailures': failures}


def remediate(finding):
    detail = finding['detail']
    if detail['newEvaluationResult']['complianceType'] != 'NON_COMPLIANT' or policy()['mode'] != 'auto':
        return
    if owned(detail['resourceId']):
        return
    control = detail['configRuleName'].removeprefix(f'{PREFIX}-')
    resource = ':'.join([detail['awsAccountId'], detail['awsRegion'], detail['resourceType'], detail['resourceId']])
    key = f'{control}#{resource}'
    role = f"arn:aws:iam::{detail['awsAccountId']}:role/{PREFIX}-{detail['awsRegion']}-{control}"
    claimed_at = now()
    record = {
        'pk': {'S': key},
        'control': {'S': control},
        'resource': {'S': resource},
        'generation': {'N': '1'},
        'state': {'S': 'planned'},
        'updated_at': {'S': claimed_at},
    }
    try:
        dynamodb.put_item(
            TableName=TABLE,
            Item=record,
            ConditionExpression='attribute_not_exists(pk)',
            ReturnValuesOnConditionCheckFailure='ALL_OLD',
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return
    execution = ssm.start_automation_execution(
        DocumentName=f'{PREFIX}-{control}',
        DocumentVersion='$DEFAULT',
        Parameters={'BucketName': [detail['resourceId']], 'AutomationAssumeRole': [role]},
        ClientToken=str(uuid.uuid5(NAMESPACE, f'{key}#1')),
    )['AutomationExecutionId']
    dynamodb.put_item(
        TableName=TABLE,
        Item=record | {'state': {'S': 'running'}, 'execution_id': {'S': execution}, 'updated_at': {'S': now()}},
        ConditionExpression='generation = :generation AND #state = :state AND updated_at = :updated_at',
        ExpressionAttributeNames={'#state': 'state'},
        ExpressionAttributeValues={
            ':generation': {'N': '1'},
            ':state': {'S': 'planned'},
            ':updated_at': {'S': claimed_at},
        },
        ReturnValuesOnConditionCheckFailure='ALL_OLD',
    )
    print(json.dumps({'level': 'INFO', 'message': 'decided', 'control': control, 'execution': execution}))


def policy():
    global policy_read
    read_at, token, known = policy_read
    if time.monotonic() - read_at >= FRESH:
        if token is None:
            token = appconfig.start_configuration_session(
                ApplicationIdentifier=APPLICATION,
                EnvironmentIdentifier=ENVIRONMENT,
                ConfigurationProfileIdentifier=PROFILE,
                RequiredMinimumPollIntervalInSeconds=FRESH,
            )['InitialConfigurationToken']
        answer = appconfig.get_latest_configuration(ConfigurationToken=token)
        text = answer['Configuration'].read()
        known = json.loads(text) if text else known
        policy_read = (time.monotonic(), answer['NextPollConfigurationToken'], known)
    return known


def owned(bucket):
    """Whether CloudFormation owns it."""
    found = tagging.get_resources(ResourceARNList=[f'arn:aws:s3:::{bucket}'])['ResourceTagMappingList']
    return any(tag['Key'].startswith('aws:cloudformation:') for one in found for tag in one['Tags'])


def now():
    return datetime.now(timezone.utc).isoformat()
