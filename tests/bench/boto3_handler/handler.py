"""What `remediate` would be as a plain Python function: the same calls to AWS, and nothing that would slow it down.

Clients are made as the module is loaded, as AWS advises; the policy is JSON, so that no YAML parser has to be loaded, and is
kept for ten seconds, as `remediate` keeps it.
"""

import json
import os
import time
import uuid
from datetime import datetime, timezone

import boto3

FRESH = 10
PREFIX = os.environ['PLUMB_PREFIX']
TABLE = os.environ['PLUMB_LEDGER_TABLE']
PARAMETER = os.environ['PLUMB_POLICY_PARAMETER']
NAMESPACE = uuid.UUID('6f1c1b1e-6c1d-5b0e-9a53-3c8f3b1d7a10')

ssm = boto3.client('ssm')
dynamodb = boto3.client('dynamodb')
policy_read = (float('-inf'), {})


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
    read_at, known = policy_read
    if time.monotonic() - read_at >= FRESH:
        known = json.loads(ssm.get_parameter(Name=PARAMETER)['Parameter']['Value'])
        policy_read = (time.monotonic(), known)
    return known


def now():
    return datetime.now(timezone.utc).isoformat()
