// Bars, points and cells as controls: one stop of the Tab key a chart, arrow keys between them, Enter and a click open the
// rows behind, and what is pointed at or focused says its figures.

import { byId, h } from './dom.js'

const STEP = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }

let shown = null // the mark whose figures the tip says

function said(mark, of) {
    const series = of.series.length > 1 || mark.series ? `${mark.series}` : ''
    return [mark.name, series && !mark.shown.includes(series) ? series : '', mark.shown, ...mark.also].filter(Boolean).join(', ')
}

// `svg` and `groups` are d3 selections; `focused` is the key of the mark that had the focus before the chart was drawn again.
export function interactive(svg, groups, of, { drill }, focused) {
    const elements = groups.nodes()
    const current = Math.max(0, of.marks.findIndex(mark => mark.key === focused))
    groups.attr('tabindex', (mark, index) => (index === current ? 0 : -1))
        .attr('role', drill ? 'button' : 'img')
        .attr('aria-label', mark => said(mark, of))
        .attr('data-key', mark => mark.key)
        .classed('opens', Boolean(drill))
        .on('pointerenter', (event, mark) => showTip(event.currentTarget, mark, of, drill))
        .on('pointerleave', hideTip)
        .on('focus', (event, mark) => showTip(event.currentTarget, mark, of, drill))
        .on('blur', hideTip)
        .on('click', (event, mark) => drill?.(mark.row))
        .on('keydown', (event, mark) => key(event, mark, elements, drill))
    if (focused && of.marks[current]?.key === focused) elements[current].focus({ preventScroll: true })
}

function key(event, mark, elements, drill) {
    const at = elements.indexOf(event.currentTarget)
    const to = event.key === 'Home' ? 0 : event.key === 'End' ? elements.length - 1 : event.key in STEP ? at + STEP[event.key] : null
    if (to !== null && elements[to]) {
        event.preventDefault()
        elements[at].setAttribute('tabindex', '-1')
        elements[to].setAttribute('tabindex', '0')
        elements[to].focus()
    } else if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault()
        drill?.(mark.row)
    } else if (event.key === 'Escape') {
        hideTip()
    }
}

function showTip(element, mark, of, drill) {
    const tip = byId('tooltip')
    tip.replaceChildren(h('p', { class: 'tip-name' }, mark.name),
        h('p', { class: 'tip-value' }, of.series.length > 1 && h('span', { class: `swatch s${of.colour.get(mark.series)}` }), mark.shown, !mark.currency && mark.series && of.series.length > 1 ? ` ${mark.series}` : ''),
        ...mark.also.map(text => h('p', {}, text)), drill && h('p', { class: 'tip-hint' }, 'opens the rows'))
    tip.hidden = false
    shown = element
    place(tip, element)
}

function place(tip, element) {
    const seen = (element.querySelector('.bar, .point, .cell') ?? element).getBoundingClientRect()
    const { width, height } = tip.getBoundingClientRect()
    const left = Math.min(Math.max(8, seen.left + seen.width / 2 - width / 2), innerWidth - width - 8)
    const top = seen.top - height - 8 < 8 ? seen.bottom + 8 : seen.top - height - 8
    tip.style.left = `${left}px`
    tip.style.top = `${Math.min(top, innerHeight - height - 8)}px`
}

export function hideTip() {
    byId('tooltip').hidden = true
}

// The focus itself scrolls the page: what it says goes along. What the pointer said is no longer under it.
addEventListener('scroll', () => {
    const tip = byId('tooltip')
    if (!tip.hidden && shown === document.activeElement) place(tip, shown)
    else hideTip()
}, { passive: true, capture: true })
