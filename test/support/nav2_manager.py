"""What nav2_lifecycle_manager does to the nodes it is given: calls, order, timeouts, bonds.

Written after its C++ sources of August 2026 (rolling): whether a transition worked is asked with
get_state and not read from its answer, a sweep ends at the first node that fails, and shutting
down goes through all three sweeps whatever fails.
"""

from __future__ import annotations

import time
import uuid

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from ros_harness import wait_until

EXPECTED = {
    Transition.TRANSITION_CONFIGURE: State.PRIMARY_STATE_INACTIVE,
    Transition.TRANSITION_ACTIVATE: State.PRIMARY_STATE_ACTIVE,
    Transition.TRANSITION_DEACTIVATE: State.PRIMARY_STATE_INACTIVE,
    Transition.TRANSITION_CLEANUP: State.PRIMARY_STATE_UNCONFIGURED,
    Transition.TRANSITION_UNCONFIGURED_SHUTDOWN: State.PRIMARY_STATE_FINALIZED,
}
FORWARD = {Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE}
PATIENCE_S = 30.0  # the manager waits for ever for the answer of a transition


class Nav2Manager:
    """Take nodes through their lives as the manager's services `manage_nodes` do."""

    def __init__(
        self,
        peer,
        *node_names: str,
        service_timeout_s: float = 5.0,
        bond_timeout_s: float = 0.0,
        bond_heartbeat_period_s: float = 0.25,
    ) -> None:
        """Wait for every node's get_state, as the manager does before anything else."""
        self._node, self._names = peer.node, node_names
        self._service_timeout_s = service_timeout_s
        self._bond_timeout_s, self._period_s = bond_timeout_s, bond_heartbeat_period_s
        self.bonds: dict[str, Bond] = {}
        self._change = {
            n: self._node.create_client(ChangeState, f'{n}/change_state') for n in node_names
        }
        self._get = {n: self._node.create_client(GetState, f'{n}/get_state') for n in node_names}
        assert all(client.wait_for_service(15.0) for client in self._get.values())
        time.sleep(0.5)  # Fast DDS: the nodes have to find this client as well

    def close(self) -> None:
        for bond in self.bonds.values():
            bond.close()
        for client in (*self._change.values(), *self._get.values()):
            self._node.destroy_client(client)

    def startup(self) -> bool:
        return self._all(Transition.TRANSITION_CONFIGURE) and self.resume()

    def resume(self) -> bool:
        return self._all(Transition.TRANSITION_ACTIVATE)

    def pause(self) -> bool:
        return self._all(Transition.TRANSITION_DEACTIVATE)

    def reset(self, *, hard: bool = False) -> bool:
        return self._all(Transition.TRANSITION_DEACTIVATE, hard=hard) and self._all(
            Transition.TRANSITION_CLEANUP, hard=hard
        )

    def shutdown(self) -> bool:
        self._all(Transition.TRANSITION_DEACTIVATE)
        self._all(Transition.TRANSITION_CLEANUP)
        return self._all(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)

    def state(self, name: str) -> int:
        answer = self._ask(self._get[name], GetState.Request(), self._service_timeout_s)
        return answer.current_state.id

    def _all(self, transition: int, *, hard: bool = False) -> bool:
        names = self._names if transition in FORWARD else self._names[::-1]
        return all(self._one(name, transition) or hard for name in names)

    def _one(self, name: str, transition: int) -> bool:
        client, request = self._change[name], ChangeState.Request()
        assert client.wait_for_service(self._service_timeout_s), f'{name}: no change_state'
        request.transition.id = transition
        self._ask(client, request, PATIENCE_S)
        if self.state(name) != EXPECTED[transition]:
            return False
        if transition == Transition.TRANSITION_ACTIVATE and self._bond_timeout_s > 0.0:
            if name not in self.bonds:
                self.bonds[name] = Bond(self._node, name, self._bond_timeout_s, self._period_s)
            return self.bonds[name].forms_within(0.5 * self._bond_timeout_s)
        if transition == Transition.TRANSITION_DEACTIVATE and name in self.bonds:
            self.bonds.pop(name).close()
        return True

    @staticmethod
    def _ask(client, request, timeout_s: float):
        future = client.call_async(request)
        wait_until(future.done, timeout_s, lambda: f'no answer from {client.srv_name}')
        return future.result()


class Bond:
    """The manager's half of a bond: beats, and takes silence and an end for death."""

    def __init__(self, node, name: str, timeout_s: float, period_s: float) -> None:
        from bond.msg import Status

        self._node, self._name, self._timeout_s = node, name, timeout_s
        self._instance, self._sister = str(uuid.uuid4()), ''
        self._last_s, self._ended = 0.0, False
        self.intervals_s: list[float] = []
        self._publisher = node.create_publisher(Status, 'bond', 5)
        self._subscription = node.create_subscription(Status, 'bond', self._hear, 100)
        self._message = Status(id=name, instance_id=self._instance, active=True)
        self._timer = node.create_timer(period_s, lambda: self._publisher.publish(self._message))

    def _hear(self, msg) -> None:
        if msg.id != self._name or msg.instance_id == self._instance:
            return
        self._sister = self._sister or msg.instance_id
        assert msg.instance_id == self._sister, 'more than two in one bond'
        now_s = time.monotonic()
        if self._last_s:
            self.intervals_s.append(now_s - self._last_s)
        self._last_s = now_s
        self._ended |= not msg.active

    def forms_within(self, timeout_s: float) -> bool:
        end_s = time.monotonic() + timeout_s
        while not self._sister and time.monotonic() < end_s:
            time.sleep(0.01)
        return bool(self._sister)

    @property
    def is_broken(self) -> bool:
        return self._ended or time.monotonic() - self._last_s > self._timeout_s

    def close(self) -> None:
        self._node.destroy_timer(self._timer)
        self._node.destroy_subscription(self._subscription)
        self._node.destroy_publisher(self._publisher)
