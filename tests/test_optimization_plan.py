import math
import re

import pytest

from tfstyle import config, errors, images, perceptual, weights
from tfstyle.optimization import plan

Scale = plan.Scale


class TestPlan:
    @pytest.mark.parametrize(
        ("height", "width", "asked", "expected"),
        [
            (300, 400, {}, [Scale(150, 200, 60, "compact"), Scale(300, 400, 80, "compact")]),
            (
                3000,
                4000,
                {},
                [Scale(192, 256, 60, "compact"), Scale(384, 512, 80, "compact")],
            ),  # 512 if nothing is said
            (400, 300, {"size": 1024}, [Scale(512, 384, 60, "compact"), Scale(1024, 768, 80, "compact")]),
            (200, 255, {}, [Scale(200, 255, 80, "compact")]),  # half would be too coarse
            (192, 256, {}, [Scale(96, 128, 60, "compact"), Scale(192, 256, 80, "compact")]),
            (
                90,
                120,
                {"scales": (30, 60, 120)},
                [Scale(22 + 1, 30, 60, "compact"), Scale(45, 60, 60, "compact"), Scale(90, 120, 80, "compact")],
            ),
            (90, 120, {"scales": (120,), "size": 120}, [Scale(90, 120, 80, "compact")]),
            (300, 400, {"iterations": (7,)}, [Scale(150, 200, 7, "compact"), Scale(300, 400, 7, "compact")]),
            (300, 400, {"iterations": (7, 9)}, [Scale(150, 200, 7, "compact"), Scale(300, 400, 9, "compact")]),
            (10, 20, {"size": 64}, [Scale(32, 64, 80, "compact")]),
        ],
    )
    def test_sizes_and_steps(self, height, width, asked, expected):
        assert plan.scales_for((height, width), config.Settings(**asked), "compact") == expected

    @pytest.mark.parametrize("size", [1, 16, 100, 101, 255, 256, 257, 511, 777])
    @pytest.mark.parametrize(("height", "width"), [(640, 641), (641, 640), (100, 37), (1, 1)])
    def test_the_last_scale_has_exactly_the_requested_size(self, height, width, size):
        scales = plan.scales_for((height, width), config.Settings(size=size), "")
        assert max(scales[-1].height, scales[-1].width) == size
        assert (scales[-1].height, scales[-1].width) == images.fit_size(height, width, size)

    @pytest.mark.parametrize(("height", "width"), [(100, 2000), (2000, 100), (7, 100), (1, 300), (13, 14), (3, 1000)])
    @pytest.mark.parametrize("network", ["compact", "squeezenet"])
    def test_error_for_thin_pictures_names_the_smallest_working_size(self, height, width, network):
        minimum = weights.BACKBONES[network].min_size
        with pytest.raises(errors.InputError, match=r"use --size (\d+) or more") as caught:
            plan.scales_for((height, width), config.Settings(size=12), network)
        needed = int(re.search(r"--size (\d+)", str(caught.value))[1])
        last = plan.scales_for((height, width), config.Settings(size=needed), network)[-1]
        assert min(last.height, last.width) >= minimum
        with pytest.raises(errors.InputError):
            plan.scales_for((height, width), config.Settings(size=math.floor(0.96 * needed) - 1), network)

    def test_advice_speaks_of_the_option_in_use(self):
        with pytest.raises(errors.InputError, match="use --scales ending with 320 or more"):
            plan.scales_for((20, 400), config.Settings(scales=(60, 120)), "compact")

    def test_coarse_scales_too_small_for_the_network_are_left_out_with_their_steps(self):
        assert plan.scales_for((20, 400), config.Settings(size=400), "compact") == [Scale(20, 400, 80, "compact")]
        settings = config.Settings(scales=(100, 400), iterations=(3, 4))
        assert plan.scales_for((20, 400), settings, "compact") == [Scale(20, 400, 4, "compact")]

    @pytest.mark.parametrize(
        ("asked", "message"),
        [
            ({"size": 100, "scales": (50, 120)}, "--size 100 is not the last of --scales"),
            ({"iterations": (1, 2, 3)}, "3 values in --iterations for 2 scales"),
            ({"size": 100, "iterations": (1, 2)}, "2 values in --iterations for 1 scales"),
            ({"scales": (60, 120), "iterations": (1, 2, 3)}, "3 values in --iterations for 2 scales"),
        ],
    )
    def test_inconsistent_sizes_and_iterations(self, asked, message):
        with pytest.raises(errors.InputError, match=message):
            plan.scales_for((300, 400), config.Settings(**asked), "compact")


class TestWarmUp:
    def stages(self, settings, network="vgg19"):
        objective = plan.objective_for(network, settings)
        warm_up = plan.can_warm_up(network, objective, settings)
        return [
            (scale.width, scale.network) for scale in plan.scales_for((300, 400), settings, network, warm_up=warm_up)
        ]

    def test_vgg19_is_left_for_the_last_steps(self):
        assert self.stages(config.Settings()) == [(200, "compact"), (400, "compact"), (400, "vgg19")]

    def test_a_small_picture_has_no_coarse_scale(self):
        assert self.stages(config.Settings(size=200)) == [(200, "compact"), (200, "vgg19")]

    @pytest.mark.parametrize(
        "asked",
        [
            {"scales": (200, 400)},
            {"iterations": (5,)},
            {"form": "gatys"},
            {"pooling": "max"},
            {"optimizer": "adam"},
            {"style_layers": "conv1_1,conv3_2"},
        ],
    )
    def test_settings_that_rule_out_the_stand_in_network(self, asked):
        assert {network for _, network in self.stages(config.Settings(**asked))} == {"vgg19"}

    @pytest.mark.parametrize("network", ["vgg16", "compact"])
    def test_only_vgg19_has_a_stand_in(self, network):
        assert {name for _, name in self.stages(config.Settings(), network)} == {network}

    def test_shared_layers_are_enough(self):
        asked = config.Settings(style_layers="conv1_1,conv2_1")
        assert self.stages(asked)[0] == (200, "compact")

    def test_a_step_costs_less_where_the_network_is_smaller(self):
        assert Scale(10, 20, 5, "compact").cost < Scale(10, 20, 5, "vgg19").cost
        assert Scale(10, 20, 5, "").cost == 200


def test_reconstruction_uses_the_requested_terms():
    settings = config.Settings()
    assert plan.reconstruction_objective("vgg19", "pixels", None, settings) == perceptual.Objective({}, {}, pixels=1.0)
    assert plan.reconstruction_objective("vgg19", "content", "conv2_1", settings).content == {"conv2_1": 1.0}
    assert plan.reconstruction_objective("vgg19", "style", "conv1_1,conv2_1:3", settings).style == {
        "conv1_1": 0.25,
        "conv2_1": 0.75,
    }
    with pytest.raises(errors.InputError, match="conv9_9"):
        plan.reconstruction_objective("vgg19", "style", "conv9_9", settings)
