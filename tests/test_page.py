"""The page in headless Chromium, as a visitor uses it; skipped without Chromium."""

import io
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import runs
from PIL import Image

from tfstyle import images, stylebook

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
SOON = 60_000  # Milliseconds; continuous integration has two busy cores.


@pytest.fixture(scope="module")
def address():
    """Address of a server in its own process; jobs use the compact network."""
    environment = {"PATH": "/usr/bin:/bin", "KERAS_HOME": "/nowhere", "HOME": "/tmp"}
    command = [sys.executable, "-m", "tfstyle.cli.main", "serve", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    for line in process.stderr:
        if found := re.search(r"http://\S+/(?= \()", line):
            break
    reader = threading.Thread(target=process.stderr.read)
    reader.start()
    yield found[0]
    process.kill()
    process.wait()
    reader.join()
    process.stderr.close()


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.mark.slow
def test_is_complete_and_names_no_other_host(address):
    import httpx

    text = httpx.get(address).text
    for name in stylebook.trained():
        assert stylebook.load_all()[name].title in text
    sources = re.findall(r"""(?:src|href)=["'](https?://[^"']+)""", text)
    assert [source for source in sources if not source.startswith(address.rstrip("/"))] == []


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")
class TestVisit:
    @pytest.fixture
    def page(self, browser, address):
        context = browser.new_context(viewport={"width": 1280, "height": 900}, permissions=["camera"])
        page = context.new_page()
        page.foreign = []
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith((address, "data:", "blob:")) else page.foreign.append(request.url)
            ),
        )
        page.goto(address)
        page.wait_for_selector(".styles img", timeout=SOON)
        yield page
        assert page.foreign == []
        context.close()

    @pytest.fixture
    def photo(self, tmp_path):
        images.save_image(tmp_path / "photo.png", runs.photo(120, 160).rgb)
        return str(tmp_path / "photo.png")

    @staticmethod
    def sources(page):
        """Addresses of the two pictures in the slider."""
        shown = page.locator('[data-testid="imageslider"] img, .slider-wrap img, .image-container img')
        return {shown.nth(number).get_attribute("src") for number in range(shown.count())}

    def changed(self, page, before):
        deadline = time.monotonic() + SOON / 1000
        while (now := self.sources(page)) == before or not now:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return now

    def test_photo_style_strength_and_full_size(self, page, photo):
        before = self.sources(page)
        page.locator('input[type="file"]').first.set_input_files(photo)
        painted = self.changed(page, before)
        page.locator(".styles button").nth(4).click()
        restyled = self.changed(page, painted)
        weaker = page.get_by_label("number input for Strength").first
        weaker.fill("0.5")
        weaker.press("Enter")
        self.changed(page, restyled)
        page.get_by_role("button", name="Paint at full size").click()
        save = page.get_by_text("Download 160 x 120 pixels")
        save.wait_for(timeout=SOON)
        with page.expect_download() as download:
            save.click()
        assert images.load_image(download.value.path()).size == (120, 160)

    def test_a_painting_of_the_visitors(self, page, photo, tmp_path):
        images.save_image(tmp_path / "painting.png", runs.photo(90, 70).rgb[::-1])
        files = page.locator('#photo input[type="file"]')
        before = self.sources(page)
        files.first.set_input_files(photo)
        painted = self.changed(page, before)
        files.last.set_input_files(str(tmp_path / "painting.png"))
        restyled = self.changed(page, painted)
        assert page.locator(".styles .selected").first.inner_text() == "Your painting"
        weaker = page.get_by_label("number input for Strength").first
        weaker.fill("0.5")
        weaker.press("Enter")
        self.changed(page, restyled)
        page.get_by_role("button", name="Paint at full size").click()
        page.get_by_text("Download 160 x 120 pixels").wait_for(timeout=SOON)

    def test_a_job_to_its_end(self, page, photo):
        page.get_by_role("tab", name="Best quality").click()
        panel = page.locator("#optimize")
        panel.locator('input[type="file"]').first.set_input_files(photo)
        panel.locator("img").first.wait_for(timeout=SOON)
        panel.get_by_label("number input for Long side in pixels").fill("128")
        panel.get_by_role("button", name="Paint", exact=True).click()
        panel.get_by_text(re.compile(r"Step \d+ of \d+")).wait_for(timeout=SOON)
        panel.get_by_text("Done.").wait_for(timeout=4 * SOON)

    def test_a_job_stops_when_its_visitor_leaves(self, browser, address, photo):
        import httpx

        context = browser.new_context()
        page = context.new_page()
        page.goto(address)
        page.get_by_role("tab", name="Best quality").click()
        panel = page.locator("#optimize")
        panel.locator('input[type="file"]').first.set_input_files(photo)
        panel.locator("img").first.wait_for(timeout=SOON)
        panel.get_by_role("button", name="Paint", exact=True).click()
        panel.get_by_text(re.compile(r"Step \d+ of \d+")).wait_for(timeout=SOON)
        context.close()
        deadline = time.monotonic() + SOON / 1000
        while 'tfstyle_jobs{status="stopped"} 1.0' not in httpx.get(f"{address}metrics").text:
            assert time.monotonic() < deadline
            time.sleep(0.5)

    def test_the_camera(self, page):
        page.get_by_role("tab", name="Camera").click()
        panel = page.locator("#camera")
        panel.get_by_text("Click to Access Webcam").click(timeout=SOON)
        panel.get_by_text("Record").click(timeout=SOON)
        panel.get_by_text(re.compile(r"\d+ ms per frame, \d+ frames per second")).wait_for(timeout=SOON)

    def test_api_documentation(self, page, address):
        page.goto(f"{address}docs")
        page.get_by_text("Stylize a photo").first.wait_for(timeout=SOON)

    @pytest.mark.parametrize("kind", ["broken", "bomb"])
    def test_unusable_photos_are_explained(self, page, tmp_path, kind):
        path = tmp_path / "photo.png"
        if kind == "broken":
            buffer = io.BytesIO()
            Image.fromarray(np.zeros((50, 50, 3), np.uint8)).save(buffer, "PNG")
            path.write_bytes(buffer.getvalue()[:60])
        else:
            Image.new("1", (10_000, 10_000)).save(path)
        page.locator('input[type="file"]').first.set_input_files(str(path))
        page.get_by_text(re.compile("the picture|Error")).first.wait_for(timeout=SOON)
        pathlib.Path(path).unlink()

    def test_everything_has_a_name_and_the_keyboard_reaches_it(self, page):
        unnamed = page.evaluate(
            """() => [...document.querySelectorAll('button, input, select, textarea')]
                .filter(each => each.offsetParent && each.type !== 'file')
                .filter(each => !(each.innerText || each.title || each.ariaLabel || each.labels?.length || each.id
                    || each.querySelector('img[alt], svg')))
                .map(each => each.outerHTML.slice(0, 120))"""
        )
        assert unnamed == []
        reached = set()
        for _ in range(40):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.innerText || document.activeElement.ariaLabel || ''"))
        assert any("Paint at full size" in each for each in reached)

    @pytest.mark.parametrize("width", [390, 1280])
    def test_no_label_is_cut_off(self, browser, address, width):
        context = browser.new_context(viewport={"width": width, "height": 850})
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector(".styles img", timeout=SOON)
        cut = page.evaluate(
            """() => [...document.querySelectorAll('.styles .caption-label, button, label, h1, p')]
                .filter(each => each.offsetParent && each.scrollWidth > each.clientWidth + 1 && each.clientWidth > 0)
                .filter(each => getComputedStyle(each).overflow !== 'visible' || each.matches('.caption-label'))
                .map(each => each.innerText)"""
        )
        assert cut == []
        assert page.locator(".styles button").first.inner_text() == "The Starry Night"
        context.close()

    @pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1280, "dark")])
    def test_fits_any_screen(self, browser, address, width, scheme):
        context = browser.new_context(viewport={"width": width, "height": 850}, color_scheme=scheme)
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector(".styles img", timeout=SOON)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness = np.mean([int(each) for each in re.findall(r"\d+", paper)[:3]])
        assert (brightness < 60) == (scheme == "dark")
        context.close()
