"""What a project for Step Functions says in words: README, the functions' files, and how it is deployed. Pure."""

from __future__ import annotations

from playground.services.commands import of_definition
from playground.step_functions.machine import FUNCTION as FUNCTION_NAME
from sagas.definition import SagaDefinition, StepKind
from sagas.plan import RunPlan

REQUIREMENTS = "moto[stepfunctions]>=5.2.5,<6\nboto3\n"

README = """# Saga {name} on AWS Step Functions

{steps}

| file | what |
| --- | --- |
| `machine.asl.json` | the saga in Amazon States Language |
| `functions/task.py` | one attempt of one command, over HTTP, under its idempotency key |
| `functions/<service>.py` | the Lambda function of each service |
| `template.yaml` | functions and machine for the AWS SAM command line |
| `scenario.json` | what the machine was made of |
| `run_locally.py` | executes the machine on this computer |

## On this computer

Start the playground with its services open, then the machine:

```sh
SAGA_SERVICES_TOKEN=a-token-of-16-or-more make play
pip install -r requirements-local.txt
SERVICES_URL=http://127.0.0.1:8000 SERVICES_TOKEN=a-token-of-16-or-more python run_locally.py
```

## On AWS

The services must have an address that AWS can reach.

```sh
sam build && sam deploy --guided --parameter-overrides ServicesUrl=https://… ServicesToken=…
```

A world is opened first, with `curl -H "Authorization: Bearer …" -H "Content-Type: application/json" -d @scenario.json
https://…/services/worlds`. Its answer has the orders and the payload; an execution takes
`{{"order": "ord-8412", "world": "…", "payload": {{…}}}}`. Once it has ended, `POST /services/worlds/<world>/close` lets
arrive what is still on its way, and `GET /services/worlds/<world>` shows every ledger.

## How it fails

What a task raises decides the way:

| raised | meaning | then |
| --- | --- | --- |
| `Refused`, `DeadlinePassed` | nothing of this step stands | undo from the step before it |
| `Failed`, `Unknown`, a timeout | it may help to ask again | Retry; once that is spent, undo from this very step |
| `RefusedInDoubt` | refused now, but an earlier attempt was not heard | undo from this very step |
| `Queued` | in line for a lock | ask again, at no cost |

A machine keeps no list of its attempts, so at the end of a budget it cannot tell whether all of them failed or one was
lost. It undoes the step then, which is harmless: a service that did nothing answers so, and refuses the action ever after.

An undo that cannot be done ends in `needs-operator`, never in `compensated`. Locks stay. Mend what is wrong, then undo
what is left by hand, under the same keys: `POST /services/<service>/<undo>` does nothing twice.

## What differs from the scenario

- The language counts waits in whole seconds, of which one is the least. The scenario says {initial_ms} ms first and at most
  {max_ms} ms.
- A deadline is looked at before each attempt of a step. It does not cut a wait short.
- In line for a lock the machine asks once a second; nothing tells it of a release.{pivot}
"""

PIVOT = """
- `{}` cannot be undone. When its budget is spent the machine calls a person even if every attempt failed for certain,
  since it does not remember that."""

FUNCTION = '''"""The task function of {service}: {commands}."""

from __future__ import annotations

from task import handler_for

handler = handler_for("{service}")
'''

TEMPLATE_HEAD = """# Functions and machine, for the AWS SAM command line. Logs and alarms are yours to add.
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Description: Saga {name}, version {version}

Parameters:
  ServicesUrl:
    Type: String
    Description: Where the services are, such as https://sagas.example
  ServicesToken:
    Type: String
    NoEcho: true
    Description: SAGA_SERVICES_TOKEN of that site

Globals:
  Function:
    Runtime: python3.12
    CodeUri: functions/
    # Longer than any call: whether it was done is decided by the task, not by a function that is cut off.
    Timeout: 75
    Environment:
      Variables:
        SERVICES_URL: !Ref ServicesUrl
        SERVICES_TOKEN: !Ref ServicesToken

Resources:
"""

TEMPLATE_FUNCTION = """  {title}Function:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: {name}
      Handler: {service}.handler
"""

TEMPLATE_MACHINE = """  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Type: STANDARD # an express one keeps no history, and may do everything twice
      DefinitionUri: machine.asl.json
      Policies:
"""

TEMPLATE_POLICY = """        - LambdaInvokePolicy:
            FunctionName: !Ref {title}Function
"""


def readme(plan: RunPlan, definition: SagaDefinition) -> str:
    """Return README.md."""
    lines = [
        f"{n}. `{step.name}` in {step.service}"
        + (f", undone by `{step.compensation_name}`" if step.compensation else "")
        for n, step in enumerate(definition.steps, 1)
    ]
    pivots = [PIVOT.format(step.name) for step in definition.steps if step.kind is StepKind.PIVOT]
    budget = plan.retry
    return README.format(
        name=definition.name,
        steps="\n".join(lines),
        initial_ms=budget.initial_ms,
        max_ms=budget.max_ms,
        pivot="".join(pivots),
    )


def function(definition: SagaDefinition, service: str) -> str:
    """Return the file of a service's function."""
    names = [command.name for command in of_definition(definition) if command.service == service]
    return FUNCTION.format(service=service, commands=", ".join(names))


def template(definition: SagaDefinition) -> str:
    """Return template.yaml."""
    titled = [
        {"service": service, "title": service.capitalize(), "name": FUNCTION_NAME.format(service)}
        for service in definition.services
    ]
    return "".join(
        [
            TEMPLATE_HEAD.format(name=definition.name, version=definition.version),
            *(TEMPLATE_FUNCTION.format(**one) for one in titled),
            TEMPLATE_MACHINE,
            *(TEMPLATE_POLICY.format(**one) for one in titled),
        ]
    )
