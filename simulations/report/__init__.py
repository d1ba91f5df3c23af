"""`fedchemo report`: a run or a study as one HTML page, and its figures for a paper.

| file | what it is for |
|---|---|
| `figure.py` | a figure as what it shows, without how it is drawn |
| `interactive.py` | the same for Plotly, on the page |
| `paper.py` | the same by matplotlib, as SVG and PNG |
| `forest.py` | figures with their intervals, a row a hospital, method or group |
| `curves.py` | ROC curve, calibration and decision curve of predictions |
| `words.py` | figures in sentences that need no statistician |
| `run.py`, `run_figures.py` | what the page of a run says and shows |
| `study_files.py` | the tables of a study folder |
| `study.py`, `study_figures.py` | what the page of a study says and shows |
| `study_course.py` | how its runs went: convergence, what left each hospital, cost, shortcut probes |
| `content.py` | what a page consists of |
| `page.py`, ``page.html.j2``, ``page.css``, ``page.js`` | the page itself |
| `command.py` | ``fedchemo report`` |
"""
