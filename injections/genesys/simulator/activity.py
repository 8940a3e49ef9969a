"""The conversation activity query: which calls are going on in which queue."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from injections.genesys.simulator.api_errors import invalid_value
from injections.genesys.simulator.calls import ALERTING, CONNECTED, Call
from injections.genesys.simulator.people import SERVICE_NUMBER
from injections.genesys.simulator.shapes import timestamp

_METRICS = ("oAlerting", "oInteracting", "oLongestInteracting", "oLongestWaiting", "oWaiting")
_DIMENSIONS = (
    "activeRouting", "addressFrom", "addressTo", "agentScore", "ani", "conversationId", "convertedFrom",
    "convertedTo", "direction", "dnis", "mediaType", "participantName", "queueId", "requestedLanguageId",
    "requestedRouting", "requestedRoutingSkillId", "routingPriority", "scoredAgentId", "sessionId", "teamId",
    "usedRouting", "userId",
)  # fmt: skip
_OPERATORS = ("matches", "exists", "notExists")
_METRIC_OF_STATE = {ALERTING: "oAlerting", CONNECTED: "oInteracting"}


def answer_activity_query(
    query: Mapping[str, Any], calls: Iterable[Call], *, page_size: int, page_number: int
) -> dict[str, Any]:
    """Answer a query as the platform does.

    Entities are paged over all groups together; a group is `truncated` when more of it comes on later pages.

    Raises:
        ApiError: 400 naming what is wrong with the query.
    """
    wanted = _metrics(query)
    group_by = query.get("groupBy") or []
    if not isinstance(group_by, list):
        raise invalid_value("groupBy", group_by, "a list of dimensions")
    _check_names("groupBy", group_by, _DIMENSIONS)
    condition = query.get("filter")
    observed = [entity for call in calls if call.is_live for entity in _observe(call)]
    found = [e for e in observed if e["metric"] in wanted and (condition is None or _holds(condition, e))]
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for entity in found:
        groups[tuple(str(entity.get(name, "")) for name in group_by)].append(entity)
    results, start, first = [], 0, (page_number - 1) * page_size
    for key, entities in sorted(groups.items()):
        detailed = [entity for entity in entities if wanted[entity["metric"]]]
        low, high = max(0, first - start), max(0, first + page_size - start)
        results.append(
            {
                "group": dict(zip(group_by, key, strict=True)),
                "data": _counts(entities, wanted),
                "truncated": high < len(detailed),
                "entities": detailed[low:high],
            }
        )
        start += len(detailed)
    return {"results": results, "entityIdDimension": "conversationId"}


def _metrics(query: Mapping[str, Any]) -> dict[str, bool]:
    metrics = query.get("metrics")
    if not isinstance(metrics, list) or not metrics or not all(isinstance(m, dict) for m in metrics):
        raise invalid_value("metrics", metrics, "a list of metrics")
    _check_names("metric", [metric.get("metric") for metric in metrics], _METRICS)
    return {metric["metric"]: bool(metric.get("details", False)) for metric in metrics}


def _check_names(field_name: str, names: object, allowed: Collection[str]) -> None:
    for name in names if isinstance(names, list) else [names]:
        if name not in allowed:
            raise invalid_value(field_name, name, ", ".join(allowed))


def _counts(entities: list[dict[str, Any]], wanted: Iterable[str]) -> list[dict[str, Any]]:
    return [
        {"metric": metric, "count": sum(1 for entity in entities if entity["metric"] == metric)}
        for metric in wanted
    ]


def _observe(call: Call) -> list[dict[str, Any]]:
    agent = call.agent
    metric = _METRIC_OF_STATE.get(agent.state)
    if metric is None:
        return []
    since = agent.connected_at if agent.connected_at is not None else agent.started_at
    return [
        {
            "activityDate": timestamp(since),
            "metric": metric,
            "addressFrom": call.customer.address if call.direction == "inbound" else SERVICE_NUMBER,
            "addressTo": SERVICE_NUMBER if call.direction == "inbound" else call.customer.address,
            "ani": call.customer.address,
            "conversationId": call.id,
            "direction": call.direction,
            "dnis": SERVICE_NUMBER,
            "mediaType": "voice",
            "participantName": agent.name,
            "queueId": call.queue.id,
            "routingPriority": 0,
            "sessionId": agent.communication_id,
            "userId": agent.user_id,
        }
    ]


def _holds(condition: object, entity: Mapping[str, Any]) -> bool:
    if not isinstance(condition, dict) or str(condition.get("type", "and")).lower() not in {"and", "or"}:
        raise invalid_value("filter", condition, "type and, or")
    outcomes = [_holds(clause, entity) for clause in condition.get("clauses") or []]
    outcomes += [_matches(predicate, entity) for predicate in condition.get("predicates") or []]
    return any(outcomes) if str(condition.get("type", "and")).lower() == "or" else all(outcomes)


def _matches(predicate: Mapping[str, Any], entity: Mapping[str, Any]) -> bool:
    _check_names("dimension", predicate.get("dimension"), _DIMENSIONS)
    operator = predicate.get("operator") or "matches"
    _check_names("operator", operator, _OPERATORS)
    value = entity.get(predicate["dimension"])
    if operator != "matches":
        return (value is not None) == (operator == "exists")
    return value is not None and str(value) == str(predicate.get("value"))
