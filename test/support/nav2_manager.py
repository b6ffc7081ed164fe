"""What nav2_lifecycle_manager does with its nodes: calls, order, timeouts, bonds.

Written after its C++ sources of August 2026 (rolling): whether a transition worked is found with
get_state and not read from its answer, a sweep ends at the first node that fails, and shutting
down goes through all three sweeps whatever fails.  Its limits of time are not imitated.
"""

from __future__ import annotations

import uuid

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from ros_harness import Repeated, change_state
from waiting import PATIENCE_S, wait_until

EXPECTED = {
    Transition.TRANSITION_CONFIGURE: State.PRIMARY_STATE_INACTIVE,
    Transition.TRANSITION_ACTIVATE: State.PRIMARY_STATE_ACTIVE,
    Transition.TRANSITION_DEACTIVATE: State.PRIMARY_STATE_INACTIVE,
    Transition.TRANSITION_CLEANUP: State.PRIMARY_STATE_UNCONFIGURED,
    Transition.TRANSITION_UNCONFIGURED_SHUTDOWN: State.PRIMARY_STATE_FINALIZED,
}
FORWARD = {Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE}


class Nav2Manager:
    """Change the states of nodes as the manager's services `manage_nodes` do."""

    def __init__(
        self,
        peer,
        *node_names: str,
        with_bonds: bool = False,
        bond_heartbeat_period_s: float = 0.25,
    ) -> None:
        """Wait for every node's get_state, as the manager does before anything else."""
        self._node, self._names = peer.node, node_names
        self._with_bonds, self._period_s = with_bonds, bond_heartbeat_period_s
        self.bonds: dict[str, Bond] = {}
        self._change = {
            n: self._node.create_client(ChangeState, f'{n}/change_state') for n in node_names
        }
        self._get = {n: self._node.create_client(GetState, f'{n}/get_state') for n in node_names}
        assert all(client.wait_for_service(PATIENCE_S) for client in self._get.values())

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

    def reset(self) -> bool:
        return self.pause() and self._all(Transition.TRANSITION_CLEANUP)

    def shutdown(self) -> bool:
        self._all(Transition.TRANSITION_DEACTIVATE)
        self._all(Transition.TRANSITION_CLEANUP)
        return self._all(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)

    def state(self, name: str) -> int:
        return self._state(name).id

    def _state(self, name: str):
        sent = Repeated(self._get[name], GetState.Request())
        wait_until(sent.has_answer, lambda: f'no answer from {name}/get_state')
        return sent.answer().current_state

    def _all(self, transition: int) -> bool:
        names = self._names if transition in FORWARD else self._names[::-1]
        return all(self._one(name, transition) for name in names)

    def _one(self, name: str, transition: int) -> bool:
        change_state(self._change[name], transition, lambda: self._state(name).label)
        if self.state(name) != EXPECTED[transition]:
            return False
        if transition == Transition.TRANSITION_ACTIVATE and self._with_bonds:
            if name not in self.bonds:
                self.bonds[name] = Bond(self._node, name, self._period_s)
            self.bonds[name].wait_until_formed()
        if transition == Transition.TRANSITION_DEACTIVATE and name in self.bonds:
            self.bonds.pop(name).close()
        return True


class Bond:
    """The manager's half of a bond: beats, counts the node's beats, and detects its end."""

    def __init__(self, node, name: str, period_s: float) -> None:
        from bond.msg import Status

        self._node, self._name = node, name
        self._instance, self._sister = str(uuid.uuid4()), ''
        self.beats: list[Status] = []
        self.ended = False
        self._publisher = node.create_publisher(Status, 'bond', 5)
        self._subscription = node.create_subscription(Status, 'bond', self._hear, 100)
        self._message = Status(id=name, instance_id=self._instance, active=True)
        self._timer = node.create_timer(period_s, lambda: self._publisher.publish(self._message))

    def _hear(self, msg) -> None:
        if msg.id != self._name or msg.instance_id == self._instance:
            return
        self._sister = self._sister or msg.instance_id
        assert msg.instance_id == self._sister, 'more than two in one bond'
        self.beats.append(msg)
        self.ended |= not msg.active

    def wait_until_formed(self) -> None:
        wait_until(lambda: self.beats, lambda: f'no bond with {self._name}')

    def wait_for_more_beats(self, count: int) -> None:
        most = len(self.beats) + count
        wait_until(lambda: len(self.beats) >= most, lambda: f'{self._name} beats no longer')

    def close(self) -> None:
        self._node.destroy_timer(self._timer)
        self._node.destroy_subscription(self._subscription)
        self._node.destroy_publisher(self._publisher)
