"""What a Durable Functions app says in words and settings. Pure."""

from __future__ import annotations

import json

from playground.durable_functions.app import orchestrator_name
from sagas.definition import SagaDefinition

REQUIREMENTS = "azure-functions\nazure-functions-durable>=1.7,<2\n"

HOST = (
    json.dumps(
        {
            "version": "2.0",
            "logging": {"logLevel": {"default": "Information"}},
            "extensions": {"durableTask": {"hubName": "SagaHub"}},
            "extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"},
        },
        indent=2,
    )
    + "\n"
)

LOCAL_SETTINGS = (
    json.dumps(
        {
            "IsEncrypted": False,
            "Values": {
                "AzureWebJobsStorage": "UseDevelopmentStorage=true",
                "FUNCTIONS_WORKER_RUNTIME": "python",
                "SERVICES_URL": "http://127.0.0.1:8000",
                "SERVICES_TOKEN": "a-token-of-16-or-more",
            },
        },
        indent=2,
    )
    + "\n"
)

README = """# Saga {name} on Durable Functions

{steps}

| file | what |
| --- | --- |
| `function_app.py` | the orchestrator `{function}`, an activity for each command, two HTTP functions |
| `steps.py` | the steps with their kinds, timeouts and budgets |
| `saga.py` | attempts, budgets, deadline, the way back, and a person where neither way is safe |
| `services.py` | one call of one service, over HTTP, under its idempotency key |
| `scenario.json` | what this app was made of; the services make go wrong what it says |
| `host.json`, `local.settings.json`, `requirements.txt` | what Azure Functions wants |
| `run_locally.py` | runs the app on this computer, without Azure |

The lines that undo are marked with `# undo`.

## On this computer

Start the playground with its services open, then the app:

```sh
SAGA_SERVICES_TOKEN=a-token-of-16-or-more make play
pip install -r requirements.txt
SERVICES_URL=http://127.0.0.1:8000 SERVICES_TOKEN=a-token-of-16-or-more python run_locally.py
```

`run_locally.py` plays the host: it keeps each orchestration's history and has the SDK replay it, as Azure does. With the
Azure Functions Core Tools and the storage emulator Azurite it is `azurite` in one terminal and `func start` in another, then
`curl -X POST http://localhost:7071/api/sagas`.

## On Azure

The services must have an address that Azure can reach. Put `SERVICES_URL` and `SERVICES_TOKEN` into the app's settings, then
`func azure functionapp publish <name>`.

## How it fails

| an attempt ends as | meaning | then |
| --- | --- | --- |
| `ok` | done | the next step |
| `failed` | the service says that nothing happened | tried again if it may help and the budget lasts, else the order turns back |
| `unknown` | nobody can tell | tried again under the same key; at the end of the budget undone like a success |
| `queued` | in line for a lock | asked again, at no cost |

An undo whose budget is spent, and a step past the point of no return that cannot be done, wait for a person: the custom
status of the orchestration says `needs-operator` and why, locks stay, and `POST /api/sagas/<instance>/retry` goes on with a
fresh budget. Nothing is ever taken for undone that is not.

## What differs from the scenario

- Durable timers are as exact as the storage behind them, which looks about once a second.
- In line for a lock an order asks every 200 ms; nothing tells it of a release.
- A crash of the orchestrator needs no telling here: the host replays it. `crash-before` and `crash-after` are met by the
  services as a connection that breaks.
"""


def readme(definition: SagaDefinition) -> str:
    """Return README.md."""
    lines = [
        f"{n}. `{step.name}` in {step.service}"
        + (f", undone by `{step.compensation_name}`" if step.compensation else f", {step.kind}")
        for n, step in enumerate(definition.steps, 1)
    ]
    return README.format(name=definition.name, steps="\n".join(lines), function=orchestrator_name(definition))
