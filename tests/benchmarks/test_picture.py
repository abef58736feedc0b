"""The comparison as SVG."""

from xml.etree import ElementTree as ET

from benchmarks.picture import picture
from tests.benchmarks.samples import compared, findings, one_round

SVG = "{http://www.w3.org/2000/svg}"


def test_bars_stand_for_the_ratios() -> None:
    """A bar for each server, number of connections and panel, and its value above it."""
    measured = findings(
        compared("huawei", 256, one_round(900)),
        compared("huawei", 32, one_round(600), one_round(800), one_round(700)),
        compared("tencent", 32, one_round(1)),
    )
    svg = ET.fromstring(picture(measured))  # noqa: S314 - made here
    texts = [each.text for each in svg.iter(f"{SVG}text")]
    panel = texts[4:11]
    assert panel == ["0.70", "0.40", "32", "0.90", "0.40", "256", "connections"]
    assert len([each for each in svg.iter(f"{SVG}rect") if each.get("width") == "34"]) == 8


def test_nothing_compared() -> None:
    """A run that compared nothing gives an empty picture, and no error."""
    ET.fromstring(picture(findings()))  # noqa: S314 - made here
