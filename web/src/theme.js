// Light, dark, or as the system says. The choice stays in this browser.

import { byId, icon } from './dom.js'

const NEXT = { auto: 'dark', dark: 'light', light: 'auto' }
const ICON = { auto: 'auto', dark: 'moon', light: 'sun' }
const SAID = { auto: 'as the system', dark: 'dark', light: 'light' }

// A browser may forbid storage; the theme then lasts as long as the page.
function remembered() {
    try {
        const theme = localStorage.getItem('tote-theme')
        return theme in NEXT ? theme : 'auto'
    } catch {
        return 'auto'
    }
}

function remember(theme) {
    try {
        localStorage.setItem('tote-theme', theme)
    } catch {
        // as said above
    }
}

export function startTheme() {
    const button = byId('theme')
    const apply = theme => {
        if (theme === 'auto') delete document.documentElement.dataset.theme
        else document.documentElement.dataset.theme = theme
        button.replaceChildren(icon(ICON[theme]))
        button.setAttribute('aria-label', `Colours: ${SAID[theme]}. Change to ${SAID[NEXT[theme]]}`)
        button.title = `Colours: ${SAID[theme]}`
    }
    let theme = remembered()
    apply(theme)
    button.addEventListener('click', () => {
        theme = NEXT[theme]
        remember(theme)
        apply(theme)
    })
}
