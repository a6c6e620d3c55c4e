"""The gate of the later version of "Iterative Forward Tuning Boosts In-Context Learning in Language Models"
(arXiv 2305.13016v3): each step mixes the cache with what a further pass proposes."""

import ft_plugin as ft


class Gate(ft.MetaOptimizer):
    description = ft.Description(
        "gate",
        "0.1.0",
        "the cache mixed with what a further pass proposes, C = eta * P + (1 - eta) * C (arXiv 2305.13016v3)",
    ).number(
        "eta",
        0.1,
        "how much of the proposed cache comes in at each step; with 0.1 the first cache has a share of 0.23 after 15 steps",
        minimum=0.0,
        maximum=1.0,
    )

    def __init__(self, options):
        self.eta = options.number("eta")

    def step(self, step):
        """`C_t = eta * P_t + (1 - eta) * C_{t-1}`."""
        return ft.Update([self.mix(slot) for slot in step.proposal()])

    def mix(self, slot):
        return slot.previous.scale(1.0 - self.eta).add_scaled(slot.proposed, self.eta)


Info, MetaOptimizer = ft.export_optimizer(ft.selected(Gate))
