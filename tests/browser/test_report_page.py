"""The report in headless Chromium, from a file and no network: it draws, filters, tells, harms nobody."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import eci
from eci.report.html import render_report
from eci.report.page.sources import find_sources

selenium = pytest.importorskip("selenium", reason="selenium, which drives the browser, is not installed")
from selenium.common.exceptions import SessionNotCreatedException  # noqa: E402
from selenium.webdriver import Chrome, ChromeOptions  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="no Chromium with its chromedriver on this machine"
)
HOSTILE = ("+1+1", "-2+3", "<script>window.hacked=1</script>", "=cmd()", "@SUM(1)")
PATIENCE = 30


@pytest.fixture(scope="module")
def browser():
    options = ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    try:
        driver = Chrome(options=options, service=Service(DRIVER))
    except SessionNotCreatedException as error:
        pytest.skip(f"this chromedriver cannot drive this Chromium: {str(error.msg).splitlines()[0]}")
    driver.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def bundled_page(tmp_path_factory):
    """Report of the bundled data, fitted by the quick method."""
    fit = eci.fit(eci.ScoreMatrix.from_table(eci.load_scores()), method=eci.Laplace(), likelihood="normal")
    trend = eci.fit_trend(eci.IndexSeries.from_fit(fit, frontier=True), n_memberships=20, n_draws=2000)
    page = render_report(fit, trend=trend, sources=find_sources(fit, eci.load_scores()))
    path = tmp_path_factory.mktemp("bundled") / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def hostile_page(invented_fit, tmp_path_factory):
    """Report of a small fit whose names would like to be markup and formulas."""
    matrix = invented_fit.matrix
    models = (*HOSTILE, *matrix.models[len(HOSTILE) :])
    labs = tuple(lab.replace("North", "<b>North</b>") for lab in matrix.lab)
    named = replace(matrix, models=models, lab=labs, benchmarks=('"><i>', *matrix.benchmarks[1:]))
    fit = replace(invented_fit, matrix=named).rescale({"model 05": 130.0, "model 14": 150.0})
    trend = eci.fit_trend(eci.IndexSeries.from_fit(fit), n_draws=500)
    path = tmp_path_factory.mktemp("hostile") / "report.html"
    path.write_text(render_report(fit, trend=trend), encoding="utf-8")
    return path


def visit(browser, path: Path, *, width=1200, scheme="light"):
    """Open a page and wait until its charts are drawn; what the console said before is forgotten."""
    browser.get_log("browser"), browser.get_log("performance")
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(path.as_uri())
    wait(browser, "return document.documentElement.dataset.drawn")


def wait(browser, script, *arguments):
    """Wait until a script returns something true, and return it."""
    return WebDriverWait(browser, PATIENCE).until(lambda b: b.execute_script(script, *arguments))


def press(browser, selector):
    """Click where the page stands, whatever lies over it at this moment of scrolling."""
    browser.execute_script("document.querySelector(arguments[0]).click()", selector)


def shown_models(browser):
    return browser.execute_script(
        "return [...document.querySelectorAll('#table-ranking tbody tr:not([hidden])')]"
        ".map(row => row.cells[1].textContent)"
    )


def count(browser):
    return browser.find_element(By.CSS_SELECTOR, "#ranking .count").text


def test_it_opens_from_a_file_without_network_and_without_a_word_on_the_console(browser, bundled_page):
    visit(browser, bundled_page)
    assert browser.get_log("browser") == []
    asked = [entry["message"] for entry in browser.get_log("performance")]
    requests = [message for message in asked if '"Network.requestWillBeSent"' in message]
    assert requests and all("file:///" in message for message in requests)
    marks = browser.execute_script(
        "return [...document.querySelectorAll('.chart')]"
        ".map(chart => [chart.id, chart.querySelectorAll('svg path').length])"
    )
    assert {name for name, _ in marks} == {
        "chart-timeline", "chart-changes", "chart-benchmarks", "chart-information", "chart-residuals"
    }  # fmt: skip
    assert all(n > 5 for _, n in marks)
    assert bundled_page.stat().st_size < 5_000_000


def test_search_and_filter_narrow_the_ranking(browser, bundled_page):
    visit(browser, bundled_page)
    assert len(shown_models(browser)) == 50 and count(browser) == "50 of 195"
    press(browser, "#ranking .more")
    assert len(shown_models(browser)) == 195
    Select(browser.find_element(By.CSS_SELECTOR, "#ranking select")).select_by_value("Anthropic")
    assert len(shown_models(browser)) == 27
    assert all(name.startswith("Claude") for name in shown_models(browser))
    browser.find_element(By.CSS_SELECTOR, "#ranking input").send_keys("opus 4")
    found = shown_models(browser)
    assert found and all("Opus 4" in name for name in found)
    assert count(browser) == f"{len(found)} of 195, {len(found)} found"


def test_the_axis_of_the_ranking_fits_the_rows_shown(browser, bundled_page):
    visit(browser, bundled_page)
    outside = """
        const window = (cell) => cell.querySelector('.axis').getBoundingClientRect();
        const dots = [...document.querySelectorAll('#table-ranking tbody tr:not([hidden]) td.drawn')]
          .map(cell => [window(cell), cell.querySelector('circle').getBoundingClientRect()]);
        const share = dots.map(([axis, dot]) => ((dot.left + dot.right) / 2 - axis.left) / axis.width);
        return [Math.min(...share), Math.max(...share)];"""
    low, high = browser.execute_script(outside)
    assert 0 < low < 0.3 and 0.6 < high < 1
    press(browser, "#ranking .more")
    low, high = browser.execute_script(outside)
    assert 0 < low < 0.2 and 0.8 < high < 1
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 1200


def test_a_lab_chosen_in_the_ranking_stands_out_over_time(browser, bundled_page):
    visit(browser, bundled_page)
    opacities = (
        "return [...new Set([...document.querySelectorAll('#chart-timeline .mark-symbol path')]"
        ".map(p => p.getAttribute('opacity')))]"
    )
    before = set(browser.execute_script(opacities))
    Select(browser.find_element(By.CSS_SELECTOR, "#ranking select")).select_by_value("xAI")
    wait(browser, opacities.replace("return ", "const now = ") + "; return now.includes('0.08') && now")
    assert "0.08" not in before


def test_a_dot_tells_its_model(browser, bundled_page):
    visit(browser, bundled_page)
    chart = browser.find_element(By.ID, "chart-timeline")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", chart)
    dot = chart.find_elements(By.CSS_SELECTOR, ".mark-symbol path")[0]
    ActionChains(browser).move_to_element(dot).perform()
    text = wait(browser, "return document.querySelector('#vg-tooltip-element.visible')?.innerText")
    assert "model" in text and "90% interval" in text


def test_names_are_text_and_never_markup(browser, hostile_page):
    visit(browser, hostile_page)
    assert set(HOSTILE) <= set(shown_models(browser))
    assert browser.execute_script("return window.hacked") is None
    chart = browser.find_element(By.ID, "chart-timeline")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", chart)
    told = ""
    for dot in chart.find_elements(By.CSS_SELECTOR, ".mark-symbol path")[: len(HOSTILE) + 3]:
        ActionChains(browser).move_to_element(dot).perform()
        shown = "return document.querySelector('#vg-tooltip-element.visible')?.innerText ?? ''"
        told += browser.execute_script(shown)
    assert "<script>" in told and "<b>North</b>" in told
    assert browser.execute_script("return window.hacked") is None
    assert browser.get_log("browser") == []


def test_a_download_holds_all_rows_and_no_formula(browser, hostile_page):
    visit(browser, hostile_page)
    browser.execute_script(
        "URL.createObjectURL = (blob) => { blob.text().then(text => { window.saved = text; }); return '#'; };"
        "HTMLAnchorElement.prototype.click = function () { window.file = this.download; };"
    )
    press(browser, "#ranking .csv")
    lines = wait(browser, "return window.saved").split("\r\n")
    assert browser.execute_script("return window.file") == "ranking.csv"
    assert lines[0] == "rank,model,lab,release_date,index,low,high,n_benchmarks"
    assert len(lines) == 1 + 16 + 1
    names = {line.split(",")[1] for line in lines[1:-1]}
    assert {"'+1+1", "'-2+3", "'=cmd()", "'@SUM(1)", "<script>window.hacked=1</script>"} <= names
    browser.execute_script("window.saved = null")
    press(browser, "[data-file='residuals.csv']")
    cells = [line.split(",") for line in wait(browser, "return window.saved").split("\r\n")[1:-1]]
    assert any(cell[4].startswith("-") for cell in cells)  # a negative number stays one


def test_it_is_dark_where_the_system_is_and_the_button_turns_it(browser, hostile_page):
    paper = "return getComputedStyle(document.body).backgroundColor"
    visit(browser, hostile_page)
    light = browser.execute_script(paper)
    visit(browser, hostile_page, scheme="dark")
    dark = browser.execute_script(paper)
    assert dark != light
    button = browser.find_element(By.CSS_SELECTOR, ".theme")
    assert button.text == "Light page"
    press(browser, ".theme")
    assert browser.execute_script(paper) == light and button.text == "Dark page"


@pytest.mark.parametrize("width", [390, 1200])
def test_nothing_is_wider_than_the_window(browser, bundled_page, width):
    visit(browser, bundled_page, width=width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    drawn = browser.execute_script("return document.documentElement.dataset.drawn")
    assert drawn == ("narrow" if width == 390 else "wide")


def test_labels_of_a_chart_do_not_cover_each_other(browser, bundled_page):
    """With the fonts of this machine, in the wide and in the narrow page."""
    for width in (1200, 390):
        visit(browser, bundled_page, width=width)
        covered = browser.execute_script("""
            const found = [];
            for (const chart of document.querySelectorAll('.chart')) {
              const texts = [...chart.querySelectorAll('.mark-text text')];
              const boxes = texts.map(text => [text.textContent, text.getBoundingClientRect()]);
              boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {
                const across = Math.min(p.right, q.right) - Math.max(p.left, q.left);
                const up = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
                if (across > 1 && up > 3) found.push([chart.id, a, b, across, up]);
              }));
            }
            return found;""")
        assert covered == []


def test_the_keyboard_reaches_everything(browser, hostile_page):
    visit(browser, hostile_page)
    body = browser.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    first = browser.switch_to.active_element
    assert first.text == "Skip to the results" and first.is_displayed()
    heading = browser.find_element(By.CSS_SELECTOR, "#table-ranking th[data-name=model] button")
    heading.send_keys(Keys.ENTER)
    rows = shown_models(browser)
    assert rows.index("model 05") < rows.index("model 06") < rows.index("model 15")
    assert heading.find_element(By.XPATH, "..").get_attribute("aria-sort") == "ascending"
    heading.send_keys(Keys.ENTER)
    assert shown_models(browser) == rows[::-1]
    assert heading.find_element(By.XPATH, "..").get_attribute("aria-sort") == "descending"
    nameless = browser.execute_script("""
        const has = (e) => e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent.trim();
        const all = document.querySelectorAll('input, select, button, [role=img], [role=region]');
        return [...all].filter(e => !has(e)).map(e => e.outerHTML);""")
    assert [html for html in nameless if "hidden" not in html] == []
